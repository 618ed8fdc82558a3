"""`docs/openapi/*.json`, what each service and the gateway offer: `python -m tests.support.openapi_doc [--check]`.

A change of the interface shows as a change of these files, in review and in `make check`.
"""

import difflib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.openapi import merge
from gateway.policy import ROWS, UPSTREAMS, Policy
from tests.support.service_documents import document

FOLDER = Path(__file__).parents[2] / "docs" / "openapi"
COMMAND = "make openapi"
LINES_SHOWN = 200


def documents() -> dict[str, dict[str, Any]]:
    """By file name without ending: each service's own document, and the merged one that clients see."""
    found: dict[str, dict[str, Any]] = {service: document(service) for service in UPSTREAMS}
    return found | {"gateway": merge(found, Policy(ROWS).operations)}


def render(content: Mapping[str, Any]) -> str:
    """The text of a snapshot: members in order of their names, so that only what changed differs."""
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def differences(folder: Path, offered: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The lines by which the snapshots in `folder` differ from what is offered; none when they agree."""
    kept = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    for name in sorted(kept.keys() | offered.keys()):
        now = render(offered[name]) if name in offered else ""
        yield from difflib.unified_diff(
            kept.get(name, "").splitlines(), now.splitlines(), f"kept/{name}.json", f"now/{name}.json", lineterm="", n=2
        )


def main(arguments: list[str]) -> int:
    """Write the snapshots, or with `--check` say how they differ; returns the exit code."""
    offered = documents()
    if "--check" in arguments:
        lines = list(differences(FOLDER, offered))
        print("\n".join(lines[:LINES_SHOWN]), end="\n" if lines else "", file=sys.stderr)
        if lines:
            print(f"The interface changed ({len(lines)} lines). If it is meant: {COMMAND}", file=sys.stderr)
        return int(bool(lines))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.json"):
        if path.stem not in offered:
            path.unlink()
    for name, content in offered.items():
        (FOLDER / f"{name}.json").write_text(render(content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
