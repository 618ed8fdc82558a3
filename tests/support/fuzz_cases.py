"""Cases for an operation: Schemathesis makes them from the document, this brings them to where something is.

A generated case names a roster that is not there and a version that nobody saw, and so would meet 404 and 412 only.
Here most cases get identifiers, bodies and versions out of the furnished world: all of a sound case, and of an unsound
one whatever is not its fault.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any
from urllib.parse import parse_qsl

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core import NOT_SET
from schemathesis.core.parameters import ParameterLocation

from shared.tokens import ROLES
from tests.contracts.walls.hostile import PLANTED
from tests.contracts.walls.rows import Row, World
from tests.support.rosters import men

SEALED = ("cursor", "search")
FORM = "application/x-www-form-urlencoded"
# Bodies beside those of the rows, which are in another media type.
_ROWS_AS_JSON = {"submit_roster": {"rows": men(950, 2)}}


@dataclass(frozen=True)
class Sent:
    """A case on its way: as whom, and whether it is to be tried again under the version that a 412 names."""

    case: Case[Any]
    role: str
    insist: bool


class Fuzzed:
    """One operation of the merged document in a furnished world."""

    def __init__(self, operation: schemathesis.APIOperation[Any, Any, Any, Any], row: Row, world: World) -> None:
        self.operation = operation
        self.row = row
        self.world = world
        raw = operation.definition.raw
        self.name: str = raw["operationId"]
        # None: without a token.
        self.roles: list[str] | None = None if raw["x-roles"] is None else raw["x-roles"] or sorted(ROLES)
        self.codes: dict[str, frozenset[str]] = {}
        self.turns = _turns(self.holder, self.roles or [self.holder])

    def token(self, role: str) -> dict[str, str]:
        """The headers of the world's holder of `role`; without a token where none is asked for."""
        return {} if self.roles is None else self.world.a[role]

    @property
    def holder(self) -> str:
        """Whose sound request the row is."""
        return self.row.who or "admin"

    def sound(self) -> Case[Any]:
        """The request that must succeed."""
        body: Any = NOT_SET
        if (content := self.world.content(self.row)) is not None:
            body = _read(content, self.row.media)
        headers = self._headers()
        return self.operation.Case(
            path_parameters=self.world.path(self.row),
            query=dict(parse_qsl(self.row.query.removeprefix("?"))),
            headers=headers,
            body=body,
            media_type=self.row.media if body is not NOT_SET else None,
        )

    def _headers(self) -> dict[str, str]:
        names = {parameter.name.lower() for parameter in self.operation.headers}
        found = {}
        if "idempotency-key" in names:
            found["Idempotency-Key"] = uuid.uuid4().hex
        if "if-match" in names:
            found["If-Match"] = f'"{self.world.filled(self.row.seen)}"'
        return found

    def cases(self, known: Mapping[str, list[str]], mode: GenerationMode) -> st.SearchStrategy[tuple[Case[Any], bool]]:
        """Cases of a mode and whether to insist; `known` are values of the paths' parameters that lead to something."""
        generated = self.operation.as_strategy(generation_mode=mode)

        @st.composite
        def made(draw: st.DrawFn) -> tuple[Case[Any], bool]:
            case = draw(generated)
            self._place(draw, case, known)
            return case, draw(st.booleans())

        return made()

    def _place(self, draw: st.DrawFn, case: Case[Any], known: Mapping[str, list[str]]) -> None:
        sound = self.sound()

        def free(location: ParameterLocation) -> bool:
            return case.meta is None or not case.meta.is_negative_at(location)

        if case.path_parameters and free(ParameterLocation.PATH) and draw(st.integers(0, 4)):
            if draw(st.booleans()):
                case.path_parameters = dict(sound.path_parameters)
            else:
                case.path_parameters = {
                    name: draw(st.sampled_from(known.get(name, [value])))
                    for name, value in case.path_parameters.items()
                }
        if free(ParameterLocation.QUERY):
            # A cursor or a sealed search that was made up is always refused.
            kept = {n: v for n, v in case.query.items() if n not in SEALED or not draw(st.integers(0, 3))}
            case.query = {**kept, **(sound.query if draw(st.integers(0, 3)) else {})}
        if free(ParameterLocation.HEADER):
            own = self._headers()
            if "If-Match" in own and draw(st.booleans()):
                own["If-Match"] = f'"{draw(st.integers(0, 5))}"'
            for name, value in own.items():
                if draw(st.integers(0, 4)):
                    case.headers[name] = value
        if case.body is not NOT_SET and case.media_type is not None:
            if free(ParameterLocation.BODY):
                own = self._sound_body(case.media_type, sound)
                case.body = _whole(draw(_near(own, case.body)) if own is None or draw(st.integers(0, 3)) else own)
            elif isinstance(case.body, dict | list) and draw(st.booleans()):
                case.body = draw(_tainted(case.body))

    def _sound_body(self, media: str, sound: Case[Any]) -> Any:
        if media == sound.media_type:
            return sound.body
        return _ROWS_AS_JSON.get(self.name) if media == "application/json" else None


def _turns(holder: str, roles: Sequence[str]) -> Iterator[str]:
    """Who sends the next example: he whose things are there, and between two of his one of the others in turn.

    Two of the others where many may ask, or thirty examples would not do for all.
    """
    others = cycle([role for role in roles if role != holder] or [holder])
    for _ in count():
        yield holder
        yield next(others)
        if len(roles) > 15:
            yield next(others)


def _read(content: str | bytes, media: str) -> Any:
    text = content.decode() if isinstance(content, bytes) else content
    if media == FORM:
        return dict(parse_qsl(text))
    return json.loads(text) if media == "application/json" else text


def _whole(value: Any) -> Any:
    """With 1 for 1.0: JSON Schema takes both for integers, JSON's readers do not, nor do we."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@st.composite
def _near(draw: st.DrawFn, sound: Any, made: Any) -> Any:
    """Something between the sound body and the generated one, member by member."""
    if sound is None:
        return made
    if isinstance(sound, dict) and isinstance(made, dict):
        mixed = dict(made)
        for name, value in sound.items():
            if name not in made or draw(st.integers(0, 2)):
                mixed[name] = draw(_near(value, made.get(name, value)))
        return mixed
    return draw(st.sampled_from([sound, sound, made]))


@st.composite
def _tainted(draw: st.DrawFn, made: Any) -> Any:
    """The same with somebody's name and ID in one of its texts."""
    places = list(_texts(made, ()))
    if not places:
        return made
    changed = json.loads(json.dumps(made))
    *way, last = draw(st.sampled_from(places))
    inner = changed
    for step in way:
        inner = inner[step]
    inner[last] = PLANTED
    return changed


def _texts(value: Any, way: tuple[Any, ...]) -> Iterable[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for step, inner in items:
        if isinstance(inner, str):
            yield (*way, step)
        elif isinstance(inner, dict | list):
            yield from _texts(inner, (*way, step))
