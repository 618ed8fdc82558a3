"""The fixture of an operation: what organisation A sends so that it succeeds, and what walls must stand around that."""

import json
import uuid
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from shared.tokens import ROLES
from tests.contracts.walls.operations import Operation
from tests.support.services import Service

Content = str | bytes | AsyncIterable[bytes]
Wall = Literal["item", "list", "own", "national", "open"]


@dataclass(frozen=True)
class Row:
    """How A calls an operation. Words in braces are names of `World.things`.

    `wall`: what another organisation must meet.
    - `item`: A's thing is as one that does not exist (404, the same bytes).
    - `list`: A's things (`shows`) are not in it.
    - `own`: everybody acts on his own organisation or account only; `witness` is what A sees before and after.
    - `national`: one for the whole country, so there is no other organisation; `why` says so.
    - `open`: without a token; `why` says so.
    """

    wall: Wall
    who: str = ""
    status: int = 200
    path: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    body: Any = None
    content: str | bytes | None = None
    media: str = "application/json"
    seen: str | None = None
    shows: tuple[str, ...] = ()
    witness: str | None = None
    # Values of the path's parameters that no thing has; otherwise a fresh UUID.
    absent: Mapping[str, str] = field(default_factory=dict)
    # Roles that see every organisation's things, by the specification.
    overseers: frozenset[str] = frozenset()
    # The account's own: his colleagues do not see it either.
    personal: bool = False
    # Somebody with an account is needed: systems are refused.
    people: bool = False
    # Open also to whoever must first change the password that was handed out.
    newcomers: bool = False
    why: str = ""


@dataclass
class World:
    """A running service with A's things in it and others' beside; tokens of everybody."""

    service: Service
    things: dict[str, Any]
    # Role → the headers of somebody of A's organisations, or of those around it.
    a: dict[str, dict[str, str]]
    # Role → callers of the same role elsewhere: label, headers.
    others: dict[str, list[tuple[str, dict[str, str]]]]
    # Tokens that are none: label, headers.
    bad: list[tuple[str, dict[str, str]]]
    # Somebody whose first password must be changed.
    newcomer: dict[str, str]
    # Texts that stand in A's answers only.
    markers: list[str]
    machines: frozenset[str]

    async def call(
        self,
        operation: Operation,
        row: Row,
        who: dict[str, str],
        *,
        path: Mapping[str, str] | None = None,
        key: str | None = None,
        seen: str | None = None,
        query: str | None = None,
        content: Content | None = None,
        headers: Mapping[str, str | bytes | None] | None = None,
    ) -> httpx.Response:
        """The row's request by `who`; what is given replaces what the row says, a header that is None is left out."""
        sent: dict[str, str | bytes | None] = {**who}
        if "idempotency-key" in operation.headers:
            sent["Idempotency-Key"] = key or uuid.uuid4().hex
        if "if-match" in operation.headers:
            sent["If-Match"] = f'"{seen if seen is not None else self.filled(row.seen)}"'
        if content is None:
            content = self.content(row)
        if content is not None:
            sent["Content-Type"] = row.media
        where = operation.path.format(**(self.path(row) if path is None else path))
        return await self.service.http.request(
            operation.method,
            where + (row.query if query is None else query),
            headers=[
                (name.encode(), value if isinstance(value, bytes) else value.encode())
                for name, value in (sent | dict(headers or {})).items()
                if value is not None
            ],
            content=content,
        )

    def content(self, row: Row) -> str | bytes | None:
        """The body that A sends."""
        if row.body is not None:
            return json.dumps(self.filled(row.body), ensure_ascii=False)
        content: str | bytes | None = self.filled(row.content)
        return content

    def path(self, row: Row) -> dict[str, str]:
        """The path's values that lead to A's thing."""
        return {name: str(self.filled(value)) for name, value in row.path.items()}

    def nowhere(self, row: Row) -> dict[str, str]:
        """The path's values that lead to nothing."""
        return {name: row.absent.get(name, str(uuid.uuid4())) for name in row.path}

    def filled(self, value: Any) -> Any:
        """`value` with every text that is one `{thing}` replaced by it, whatever its type."""
        if isinstance(value, str) and value[1:-1] in self.things and value == "{" + value[1:-1] + "}":
            return self.things[value[1:-1]]
        if isinstance(value, dict):
            return {name: self.filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        return value


Check = Callable[[World, Operation, Row], Awaitable[int]]


async def refuse_bad_tokens(world: World, operation: Operation, row: Row) -> int:
    """No token, or a bad one: 401, `WWW-Authenticate`, and always the same words. How many cases."""
    bodies, faults = set(), []
    for label, headers in world.bad:
        answer = await world.call(operation, row, headers)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status_code != 401 or not challenge.startswith("Bearer"):
            faults.append((label, answer.status_code, challenge))
        bodies.add(answer.content)
    assert faults == [], f"{operation}: (token, status, challenge)"
    assert len(bodies) == 1, f"{operation}: a 401 tells why the token is refused"
    return len(world.bad)


async def refuse_wrong_roles(world: World, operation: Operation, row: Row) -> int:
    """Every role that the document does not name: 403; who must change a password first: 403. How many cases."""
    assert operation.roles is not None
    wrong = set(ROLES - set(operation.roles)) if operation.roles else set()
    if row.people:
        wrong |= world.machines
    faults = []
    for role in sorted(wrong):
        answer = await world.call(operation, row, world.a[role])
        scope = "insufficient_scope" in answer.headers.get("www-authenticate", "")
        if (answer.status_code, answer.json().get("code"), scope) != (403, "forbidden", True):
            faults.append((role, answer.status_code, answer.text[:200]))
    if not row.newcomers:
        answer = await world.call(operation, row, world.newcomer)
        if (answer.status_code, answer.json().get("code")) != (403, "password_change_required"):
            faults.append(("first password", answer.status_code, answer.text[:200]))
    assert faults == [], f"{operation}: (role, status, body)"
    return len(wrong) + (not row.newcomers)


async def hide_from_others(world: World, operation: Operation, row: Row) -> int:
    """Another organisation with the role meets the row's wall. How many cases."""
    checks: dict[Wall, Check] = {"item": _item, "list": _list, "own": _own, "national": _national}
    return await checks[row.wall](world, operation, row)


def _elsewhere(world: World, operation: Operation, row: Row) -> list[tuple[str, dict[str, str]]]:
    if operation.roles:
        return [(f"{role} of {label}", who) for role in operation.roles for label, who in world.others.get(role, ())]
    every = [(role, who) for role, who in world.a.items() if role not in row.overseers | {row.who}]
    people = [(role, who) for role, who in every if not (row.people and role in world.machines)]
    return people + [(f"another {label}", who) for label, who in world.others.get("", ())]


async def _item(world: World, operation: Operation, row: Row) -> int:
    theirs = _elsewhere(world, operation, row)
    assert theirs, f"{operation}: nobody else holds the role, so what is the wall?"
    cases = 0
    for label, who in theirs:
        absent = await world.call(operation, row, who, path=world.nowhere(row))
        assert (absent.status_code, absent.json()["code"]) == (404, "not_found"), (label, absent.text)
        # Neither the right version nor a wrong one may tell that the thing is there.
        for seen in (None, "999999999") if "if-match" in operation.headers else (None,):
            answer = await world.call(operation, row, who, seen=seen)
            assert answer.status_code == 404, f"{operation} by {label}: {answer.status_code} {answer.text[:200]}"
            assert _bare(answer) == _bare(absent), f"{operation} by {label}: the 404 tells that the thing exists"
            cases += 1
    return cases


def _bare(answer: httpx.Response) -> tuple[bytes, list[tuple[str, str]]]:
    """Body and headers without what names the request itself: the path in `instance`, the request's id."""
    instance = b'"instance":' + json.dumps(answer.request.url.path).encode()
    assert answer.content.count(instance) == 1
    own = ("x-request-id", "content-length", "date")
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in own)
    return answer.content.replace(instance, b'"instance":""'), headers


def _tells(world: World, answer: httpx.Response) -> list[str]:
    """A's markers that stand in the answer (not in the path, which the caller chose himself)."""
    text = answer.text.replace(json.dumps(answer.request.url.path), '""')
    return [marker for marker in world.markers if marker in text]


async def _list(world: World, operation: Operation, row: Row) -> int:
    assert row.shows, f"{operation}: say which of A's things the list shows"
    cases = 0
    for role in ((row.who,) if row.personal else operation.roles) or (row.who,):
        mine = await world.call(operation, row, world.a[role])
        for name in row.shows:
            assert str(world.things[name]) in mine.text, f"{operation}: A's {role} does not see {name}: {mine.text}"
        cases += 1
    for label, who in _elsewhere(world, operation, row):
        answer = await world.call(operation, row, who)
        assert answer.status_code == row.status, f"{operation} by {label}: {answer.status_code} {answer.text[:200]}"
        assert _tells(world, answer) == [], f"{operation} by {label} shows A's things"
        cases += 1 + await _stolen(world, operation, row, who, label)
    return cases


async def _stolen(world: World, operation: Operation, row: Row, who: dict[str, str], label: str) -> int:
    """A's cursor in another's hands is refused."""
    if not {"cursor", "limit"} <= operation.query:
        return 0
    where = operation.path.format(**world.path(row)) + "?limit=1"
    mine = (await world.service.http.get(where, headers=world.a[row.who])).json()["next_cursor"]
    assert mine, f"{operation}: A's list has one page only, so its cursor proves nothing"
    answer = await world.service.http.get(f"{where}&cursor={mine}", headers=who)
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), f"{operation} by {label}"
    return 1


async def _own(world: World, operation: Operation, row: Row) -> int:
    async def witness() -> tuple[int, bytes]:
        answer = await world.service.http.get(world.filled(row.witness), headers=world.a[row.who])
        assert answer.status_code == 200, answer.text
        return answer.status_code, answer.content

    assert row.witness, f"{operation}: say where A sees that nothing changed"
    before = await witness()
    theirs = world.others.get("", []) if not operation.roles else _elsewhere(world, operation, row)
    assert theirs
    for label, who in theirs:
        answer = await world.call(operation, row, who)
        assert answer.status_code in (200, 201, 202, 403, 404, 409, 412, 422), (
            f"{operation} by {label}: {answer.text[:200]}"
        )
        assert _tells(world, answer) == [], f"{operation} by {label} shows A's things"
    assert await witness() == before, f"{operation}: another organisation changed what A sees"
    return len(theirs)


async def _national(world: World, operation: Operation, row: Row) -> int:
    assert row.why, f"{operation}: say why no organisation has its own"
    if operation.roles or operation.method != "GET":
        return 0
    mine = await world.call(operation, row, world.a[row.who])
    theirs = [(role, await world.call(operation, row, who)) for role, who in world.a.items()]
    differing = [role for role, answer in theirs if answer.content != mine.content]
    assert differing == [], f"{operation}: what is national reads differently"
    return len(theirs)


async def let_a_in(world: World, operation: Operation, row: Row) -> int:
    """A succeeds with the same request, or the refusals above would prove nothing; last, for it may change things.

    Every other role of A's organisations that the document names gets past the walls as well. How many cases.
    """
    key = uuid.uuid4().hex
    who = world.a[row.who] if row.wall != "open" else {}
    answer = await world.call(operation, row, who, key=key)
    assert answer.status_code == row.status, f"{operation} by {row.who}: {answer.status_code} {answer.text[:500]}"
    cases = 1
    for role in operation.roles or ():
        if role != row.who and not row.personal:
            answer = await world.call(operation, row, world.a[role])
            assert answer.status_code not in (401, 403, 404), f"{operation} by {role}: {answer.text[:300]}"
            cases += 1
    if row.wall == "item" and "idempotency-key" in operation.headers:
        for label, other in _elsewhere(world, operation, row):
            answer = await world.call(operation, row, other, key=key)
            assert answer.status_code == 404, f"{operation}: A's kept answer goes out to {label}"
            assert "idempotent-replayed" not in answer.headers
            cases += 1
    return cases
