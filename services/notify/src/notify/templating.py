"""The words of messages: versioned files in two languages, strict about what they are given.

A template is a file `templates/<name>.<version>.txt` with the blocks `subject`, `zh` and `en`; one for the inbox has
a `subject_en` as well, for there each language stands by itself. A published version is never edited: a change of
words is a new file, and messages keep the version they were made from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.ids import mask_ids_in
from shared.law import rule

BLOCKS: Final = ("subject", "zh", "en")
ENGLISH_SUBJECT: Final = "subject_en"
RULER: Final = "\n\n" + "-" * 40 + "\n\n"


@dataclass(frozen=True, slots=True)
class Words:
    """A rendered message: one line of subject, a body with Chinese first, and what both were made from.

    `subject_en` is None where the subject itself speaks both languages.
    """

    template: str
    version: int
    subject: str
    body: str
    subject_en: str | None = None


def _source(name: str) -> str | None:
    path = files("notify") / "templates" / f"{name}.txt"
    return path.read_text(encoding="utf-8") if path.is_file() else None


# Mail is plain text, so nothing is escaped; a variable that is missing stops the message instead of leaving a gap.
_environment: Final = ImmutableSandboxedEnvironment(
    loader=FunctionLoader(_source),
    undefined=StrictUndefined,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


@cache
def versions() -> dict[str, tuple[int, ...]]:
    """Every template with its versions, oldest first."""
    found: dict[str, list[int]] = {}
    for path in (files("notify") / "templates").iterdir():
        name, _, rest = path.name.partition(".")
        if rest.endswith(".txt"):
            found.setdefault(name, []).append(int(rest.removesuffix(".txt")))
    return {name: tuple(sorted(numbers)) for name, numbers in sorted(found.items())}


@rule("NO-05")
def render(name: str, variables: Mapping[str, Any], version: int | None = None) -> Words:
    """The words of template `name`, in its newest version unless `version` is given.

    Raises `jinja2.UndefinedError` when a variable is missing, `LookupError` when there is no such template. Anything
    of the shape of an ID comes out masked, wherever it came from.
    """
    number = versions()[name][-1] if version is None else version
    if number not in versions()[name]:
        raise LookupError(f"{name} has no version {number}")
    template = _environment.get_template(f"{name}.{number}")
    context = template.new_context(dict(variables))
    said = {block: mask_ids_in("".join(say(context))).strip() for block, say in template.blocks.items()}
    subject, chinese, english = (said[block] for block in BLOCKS)
    subject_en = said.get(ENGLISH_SUBJECT)
    return Words(
        name,
        number,
        " ".join(subject.split()),
        f"{chinese}{RULER}{english}\n",
        subject_en and " ".join(subject_en.split()),
    )


def by_language(body: str) -> tuple[str, str]:
    """The Chinese and the English part of a body that `render` made.

    What an event tells is one line each, so nothing in it can pass for the ruler between them.
    """
    chinese, _, english = body.partition(RULER)
    return chinese, english.rstrip("\n")
