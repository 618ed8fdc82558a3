"""What each service and the gateway offer: `python -m tests.support.openapi_doc [--check]`.

A service's document stands in its package, which serves it, and is linked into `docs/openapi/`; the gateway's stands
there. A change of the interface shows as a change of these files, in review and in `make check`.
"""

import difflib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.openapi import merge
from gateway.policy import ROWS, UPSTREAMS, Policy
from tests.support.service_documents import document

REPO = Path(__file__).parents[2]
FOLDER = REPO / "docs" / "openapi"
COMMAND = "make openapi"
LINES_SHOWN = 200


def place(name: str, repo: Path = REPO) -> Path:
    """Where the document of a service or of the gateway is kept: where what serves it looks, if anything does."""
    if name == "gateway":
        return repo / "docs" / "openapi" / "gateway.json"
    return repo / "services" / name / "src" / name.replace("-", "_") / "openapi.json"


def documents() -> dict[str, dict[str, Any]]:
    """By file name without ending: each service's own document, and the merged one that clients see."""
    found: dict[str, dict[str, Any]] = {service: document(service) for service in UPSTREAMS}
    return found | {"gateway": merge(found, Policy(ROWS).operations)}


def render(content: Mapping[str, Any]) -> str:
    """The text of a document, a line for each member, in the order in which it is told."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def differences(offered: Mapping[str, Mapping[str, Any]], repo: Path = REPO) -> Iterator[str]:
    """The lines by which what is kept in `repo` differs from what is offered; none when they agree."""
    kept = {path.parts[-4] for path in repo.glob("services/*/src/*/openapi.json")}
    kept |= {path.stem for path in (repo / "docs" / "openapi").iterdir()}
    for name in sorted(kept | offered.keys()):
        path, link = place(name, repo), repo / "docs" / "openapi" / f"{name}.json"
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        now = render(offered[name]) if name in offered else ""
        yield from difflib.unified_diff(
            before.splitlines(), now.splitlines(), f"kept/{name}.json", f"now/{name}.json", lineterm="", n=2
        )
        if name in offered and link.resolve() != path.resolve():
            yield f"docs/openapi/{name}.json does not lead to {path.relative_to(repo)}"


def write(offered: Mapping[str, Mapping[str, Any]], repo: Path = REPO) -> None:
    """Keep what is offered, and nothing else."""
    folder = repo / "docs" / "openapi"
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*folder.iterdir(), *repo.glob("services/*/src/*/openapi.json")):
        path.unlink()
    for name, content in offered.items():
        path = place(name, repo)
        path.write_text(render(content), encoding="utf-8")
        if path.parent != folder:
            (folder / f"{name}.json").symlink_to(os.path.relpath(path, folder))


def main(arguments: list[str]) -> int:
    """Write the documents, or with `--check` say how they differ; returns the exit code."""
    offered = documents()
    if "--check" in arguments:
        lines = list(differences(offered))
        print("\n".join(lines[:LINES_SHOWN]), end="\n" if lines else "", file=sys.stderr)
        if lines:
            print(f"The interface changed ({len(lines)} lines). If it is meant: {COMMAND}", file=sys.stderr)
        return int(bool(lines))
    write(offered)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
