"""docs/screens.md and its pages as a test reads them: every request in its order, and what is said of the answer.

A block of requests names who sends it; the quoted line below it says what comes back, in parts between ` · `:
`**200**`, the `code` of a refusal, `until` (asked again until this holds), `shows` (members, `member=value`,
`member!=value`), `columns` (of a CSV), `carries` (headers), `keep` (`member` as `{name}`). Members are written as
`items[row_no=3].draft.decision`; `items[]` means any of them. `!=` means none of them.
"""

import asyncio
import csv
import io
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

DOCS = Path(__file__).parents[2] / "docs"
FIRST = "screens.md"
PATIENCE = 90.0  # seconds, for what a worker does meanwhile
_PAGE = re.compile(r"\((screens/[a-z]+\.md)\)")
_BLOCK = re.compile(r"^```http (?P<who>[a-z]+)$")
_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_TOKEN = re.compile(r"`([^`]+)`")
_KEPT = re.compile(r"`([^`]+)` as `\{([a-z][a-z0-9_]*)\}`")
_STATUS = re.compile(r"\*\*(\d{3})\*\*(?: `([a-z_]+)`)?")
_STEP = re.compile(r"([A-Za-z_]+)(\[(?:([a-z_.]+)=([^\]]*))?\])?(?:\.|$)")
_LISTS = ("until", "shows", "columns", "carries")
_BEARER = "access_token"
# Where the document says that no token is sent: a token there would be a second way to say who asks.
_WITHOUT_TOKEN = (("POST", "/identity/v1/sessions"), ("POST", "/identity/v1/token"))

Names = dict[str, Any]


class Drift(AssertionError):
    """What the document says is not what the services do; the message begins with the line of the document."""


@dataclass(frozen=True)
class Step:
    """One request, and what is said of its answer. Before `filled` its texts hold `{names}`."""

    file: str
    line: int
    who: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: str | bytes
    status: int = 0
    code: str | None = None
    until: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()
    keep: tuple[tuple[str, str], ...] = ()

    def drift(self, told: str) -> Drift:
        """The failure of this step."""
        return Drift(f"docs/{self.file}:{self.line}: {self.method} {self.path}: {told}")

    def filled(self, names: Names) -> "Step":
        """The step with real values; raises Drift for a name that nothing before it kept."""

        def fill(text: str, *, address: bool = False) -> str:
            def value(found: re.Match[str]) -> str:
                if found[1] not in names:
                    raise self.drift(f"nothing before keeps {{{found[1]}}}")
                known = str(names[found[1]])
                return quote(known, safe="") if address else known

            return _NAME.sub(value, text)

        whole = _NAME.fullmatch(self.body) if isinstance(self.body, str) else None
        body = names[whole[1]] if whole and isinstance(names.get(whole[1]), bytes) else None
        return replace(
            self,
            path=fill(self.path, address=True),
            headers={name: fill(value) for name, value in self.headers.items()},
            body=fill(str(self.body)) if body is None else body,
            until=tuple(map(fill, self.until)),
            shows=tuple(map(fill, self.shows)),
            keep=tuple((fill(member), name) for member, name in self.keep),
        )


def pages() -> dict[str, str]:
    """Name (under docs/) and text of the document and of the pages it links to, in its order."""
    first = (DOCS / FIRST).read_text("utf-8")
    return {FIRST: first} | {name: (DOCS / name).read_text("utf-8") for name in _PAGE.findall(first)}


def read(texts: Mapping[str, str]) -> list[Step]:
    """The steps of all pages in their order. Raises Drift where a block cannot be read or nothing is said of it."""
    return [step for file, text in texts.items() for step in _read(file, text.splitlines())]


def _read(file: str, lines: list[str]) -> list[Step]:
    steps = []
    at = 0
    while at < len(lines):
        block = _BLOCK.match(lines[at])
        at += 1
        if block is None:
            continue
        began = at
        end = lines.index("```", at)
        request, at = lines[at:end], end + 1
        while at < len(lines) and not lines[at].strip():
            at += 1
        said = []
        while at < len(lines) and lines[at].startswith(">"):
            said.append(lines[at].removeprefix(">").strip())
            at += 1
        steps.append(_said(_request(file, began + 1, block["who"], request), " ".join(said)))
    return steps


def _request(file: str, line: int, who: str, lines: list[str]) -> Step:
    head, _, body = "\n".join(lines).partition("\n\n")
    first, *rest = head.split("\n")
    method, _, path = first.partition(" ")
    headers = dict(header.split(": ", 1) for header in rest)
    return Step(file, line, who, method, path, headers, body)


def _said(step: Step, said: str) -> Step:
    first, *parts = said.split(" · ")
    found = _STATUS.fullmatch(first)
    if found is None:
        raise step.drift("no status is said of its answer")
    known: dict[str, Any] = {"status": int(found[1]), "code": found[2]}
    for part in parts:
        word, _, rest = part.partition(" ")
        if word == "keep":
            known["keep"] = tuple(_KEPT.findall(rest))
        elif word in _LISTS:
            known[word] = tuple(_TOKEN.findall(rest))
        if not known.get(word):
            raise step.drift(f"cannot be read: {part}")
    return replace(step, **known)


def found_in(value: Any, member: str) -> list[Any]:
    """Everything that stands under `member`; none where it is missing or what holds it is null."""
    at, held = 0, [value]
    while at < len(member):
        step = _STEP.match(member, at)
        if step is None or step.end() == at:
            raise ValueError(f"{member} is no member")
        at = step.end()
        name, listed, by, chosen = step.groups()
        held = [inner[name] for inner in held if isinstance(inner, dict) and name in inner]
        if listed is not None:
            held = [item for inner in held if isinstance(inner, list) for item in inner]
        if by is not None:
            held = [item for item in held if chosen in map(as_text, found_in(item, by))]
    return held


def as_text(value: Any) -> str:
    """A value as the document writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def holds(document: Any, said: str) -> str | None:
    """Why what is said of a member does not hold of the answer; None when it does."""
    member, how, expected = _split(said)
    values = found_in(document, member)
    if not values:
        return f"{member} is not in the answer"
    texts = [as_text(value) for value in values]
    if (how == "=" and expected not in texts) or (how == "!=" and expected in texts):
        return f"{said} does not hold: {sorted(set(texts))[:10]}"
    return None


def _split(said: str) -> tuple[str, str, str]:
    # A value in brackets chooses an item; what is compared stands behind the last bracket.
    bare = re.sub(r"\[[^\]]*\]", lambda found: "·" * len(found[0]), said)
    found = re.search(r"!?=", bare)
    return (said, "", "") if found is None else (said[: found.start()], found[0], said[found.end() :])


def judge(step: Step, answer: httpx.Response) -> None:
    """Raises Drift unless the answer is what is said of it; `step` is filled."""
    if answer.status_code != step.status:
        raise step.drift(f"{answer.status_code}, not {step.status}: {answer.text[:400]}")
    for header in step.carries:
        if header not in answer.headers:
            raise step.drift(f"the answer carries no {header}")
    if step.columns:
        headings = next(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
        missing = [column for column in step.columns if column not in headings]
        if missing:
            raise step.drift(f"no columns {missing} in {headings}")
    if step.code is not None and answer.json().get("code") != step.code:
        raise step.drift(f"the code is {answer.json().get('code')}, not {step.code}")
    for said in step.shows:
        told = holds(answer.json(), said)
        if told is not None:
            raise step.drift(told)


@dataclass
class Browser:
    """Sends the steps one after the other; `tokens` by who sends, `names` as they are kept."""

    http: httpx.AsyncClient
    names: Names
    tokens: dict[str, str] = field(default_factory=dict)
    answers: list[tuple[Step, httpx.Response]] = field(default_factory=list)

    async def go(self, steps: list[Step]) -> None:
        """All of them; raises Drift at the first that is not as told."""
        for step in steps:
            self.names["key"] = uuid.uuid4()
            filled = step.filled(self.names)
            answer = await self._answered(filled)
            self.answers.append((filled, answer))
            judge(filled, answer)
            self._keep(filled, answer)

    async def _answered(self, step: Step) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = await self._send(step)
            late = answer.status_code == 503 != step.status
            waits = [told for said in step.until if (told := holds(answer.json(), said))] if not late else ["503"]
            if not waits:
                return answer
            if time.monotonic() > deadline:
                raise step.drift(f"still {waits}")
            await asyncio.sleep(0.2)

    async def _send(self, step: Step) -> httpx.Response:
        headers = {"Accept": "application/json", **step.headers}
        if step.who in self.tokens and (step.method, step.path) not in _WITHOUT_TOKEN:
            headers["Authorization"] = f"Bearer {self.tokens[step.who]}"
        body = step.body.encode() if isinstance(step.body, str) else step.body
        return await self.http.request(step.method, step.path, headers=headers, content=body or None)

    def _keep(self, step: Step, answer: httpx.Response) -> None:
        for member, name in step.keep:
            values = [answer.headers[member]] if member in answer.headers else found_in(answer.json(), member)
            if len(values) != 1 or values[0] is None:
                raise step.drift(
                    f"{member} is there {len(values)} times, {values[:3]}: it cannot be kept as {{{name}}}"
                )
            self.names[name] = values[0]
            if name == _BEARER:
                self.tokens[step.who] = values[0]


def codes_of(text: str) -> Iterator[tuple[int, str]]:
    """Status and code of every row of the table of refusals."""
    for row in re.findall(r"^\| (\d{3}) \| ([^|]+) \|", text, re.MULTILINE):
        for code in _TOKEN.findall(row[1]):
            yield int(row[0]), code
