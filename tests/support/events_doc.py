"""`docs/events.md`, made from the declarations: `python -m tests.support.events_doc [--check]`.

Every `EventType` that stands in a service's `event_types` or `events` module is listed with the schema of its data,
and what notify makes of it.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from notify.subscriptions import SUBSCRIPTIONS, Channel
from shared.events import CloudEvent, EventType

PATH = Path(__file__).parents[2] / "docs" / "events.md"
SERVICES = ("identity", "notify", "rdss_fee", "roster")
COMMAND = "python -m tests.support.events_doc"


def event_types() -> list[EventType]:
    """Every declared event type, by name."""
    found: dict[str, EventType] = {}
    for service in SERVICES:
        for place in (f"{service}.event_types", f"{service}.events"):
            if find_spec(place):
                declared = (v for v in vars(import_module(place)).values() if isinstance(v, EventType))
                found |= {kind.name: kind for kind in declared}
    return [found[name] for name in sorted(found)]


def document() -> str:
    """The text of `docs/events.md`."""
    return "\n".join((*_opening(), *(line for kind in event_types() for line in _section(kind)), *_messages(), ""))


def _opening() -> Iterator[str]:
    yield "# Events between services"
    yield ""
    yield f"Made from the declarations in code by `{COMMAND}`; a test fails when it is out of date."
    yield ""
    yield (
        "CloudEvents 1.0 in structured JSON, posted to the receiver's `POST /internal/v1/events` with a bearer token of"
        " the role `service`. The sender writes an event in the transaction of the act it tells of and delivers it at"
        " least once; the receiver applies each (`source`, `id`) once and answers 202, or 200 when it had it already."
        " Events may arrive out of order: `time` says when the thing happened. Data holds ids and facts of an official"
        " act, never a national ID or a draftee's name."
    )
    yield ""
    yield "| type | from | to | when |"
    yield "|---|---|---|---|"
    for kind in event_types():
        anchor = kind.name.replace(".", "")
        yield f"| [`{kind.name}`](#{anchor}) | {kind.source[1:]} | {', '.join(kind.to)} | {kind.summary} |"
    yield ""
    yield "## Envelope"
    yield ""
    yield from _members(CloudEvent.model_json_schema())


def _section(kind: EventType) -> Iterator[str]:
    yield f"## {kind.name}"
    yield ""
    yield kind.summary
    yield ""
    yield from _members(kind.data.model_json_schema())


def _members(schema: Mapping[str, Any]) -> Iterator[str]:
    yield "| member | type | | meaning |"
    yield "|---|---|---|---|"
    required = set(schema.get("required", ()))
    for name, member in schema["properties"].items():
        must = "required" if name in required else "optional"
        meaning = member.get("description", "").replace("|", "\\|")
        yield f"| `{name}` | {_type(member, schema.get('$defs', {}))} | {must} | {meaning} |"
    yield ""


def _type(member: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    if "$ref" in member:
        return _type(defs[member["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in member:
        return " or ".join(_type(option, defs) for option in member["anyOf"])
    if "const" in member:
        return f"`{member['const']}`"
    if "enum" in member:
        return ", ".join(f"`{value}`" for value in member["enum"])
    if member["type"] == "array":
        return f"list of {_type(member['items'], defs)}"
    words = [member.get("format") or member["type"]]
    if "maxLength" in member and "format" not in member:
        words.append(f"up to {member['maxLength']}")
    return ", ".join(words)


def _messages() -> Iterator[str]:
    yield "## Who gets a message"
    yield ""
    yield (
        "Accounts that are active and hold the role in the organisation the event names, by each channel the event has"
        " a template for. `in_app` is the inbox: it is told in any case. Mail needs an address; it is on by default and"
        " declined with one tick box (個人帳號維護, `me.system_mail`), but not what the law requires. The switch is"
        " looked at when the mail is made (who declined gets none) and again when it is handed over (then it ends as"
        " `failed`, `opted_out`)."
    )
    yield ""
    yield "| event | to | template of `email` | template of `in_app` | required | basis |"
    yield "|---|---|---|---|---|---|"
    for name, told in sorted(SUBSCRIPTIONS.items()):
        required = "yes: cannot be declined" if told.required else "no"
        audience = f"`{told.role}` of the {told.org_type}"
        templates = (told.templates.get(channel) for channel in (Channel.EMAIL, Channel.IN_APP))
        words = " | ".join(f"`{template}`" if template else "—" for template in templates)
        yield f"| `{name}` | {audience} | {words} | {required} | {told.basis.text} |"


def main(arguments: list[str]) -> int:
    """Write the document, or with `--check` say whether it is up to date; the exit code."""
    if "--check" not in arguments:
        PATH.write_text(document(), encoding="utf-8")
        return 0
    if PATH.is_file() and PATH.read_text(encoding="utf-8") == document():
        return 0
    print(f"docs/events.md is out of date: run {COMMAND}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
