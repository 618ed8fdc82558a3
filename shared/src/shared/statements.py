"""Statements compiled once and run by asyncpg itself, for the few requests that are most of the load.

A statement through SQLAlchemy's asyncio session costs 0.45 ms of processor and a transaction of its own 0.75 ms;
asyncpg alone takes 0.06 and 0.15 (bench.roster_requests). What is given up is the mapping of values: they come and go
as asyncpg has them, so that encrypted columns are bytes.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import JSON, BindParameter, ClauseElement, Select, literal_column
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.visitors import ExternallyTraversible, replacement_traverse

_STATED = ("sub", "org_type", "org_code")
_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


class Statement:
    """A statement of SQLAlchemy Core, compiled at once; its bind parameters are given values by their names.

    Constants that were built into it stand in its text: sending them anew each time costs both sides.
    """

    def __init__(self, built: ClauseElement) -> None:
        spelt_out: Any = replacement_traverse(built, {}, _in_words)
        compiled = spelt_out.compile(dialect=_DIALECT)
        self.text: str = compiled.string
        self.parameters: tuple[str, ...] = tuple(compiled.positiontup)
        self._as_json = [name for name in self.parameters if isinstance(compiled.binds[name].type, JSON)]

    async def rows(self, connection: asyncpg.Connection, **values: Any) -> list[asyncpg.Record]:
        """Run it. Raises TypeError unless exactly the parameters that it has are given values."""
        found: list[asyncpg.Record] = await connection.fetch(self.text, *self._given(values))
        return found

    async def lots(
        self, connection: asyncpg.Connection, size: int, **values: Any
    ) -> AsyncGenerator[list[asyncpg.Record], None]:
        """Its rows, `size` at a time, in a transaction that is under way. Raises as `rows` does."""
        cursor = await connection.cursor(self.text, *self._given(values))
        while found := await cursor.fetch(size):
            yield found

    def _given(self, values: dict[str, Any]) -> list[Any]:
        for name in self._as_json:
            # As SQLAlchemy's own types do: the driver takes text.
            if values.get(name) is not None:
                values[name] = msgspec.json.encode(values[name]).decode()
        if len(values) != len(self.parameters) or not all(name in values for name in self.parameters):
            raise TypeError(f"parameters are {sorted(self.parameters)}, given were {sorted(values)}")
        return [values[name] for name in self.parameters]


class Alone:
    """A select that is a transaction of its own and states its context itself, for `Database.alone`: one round trip
    instead of three.

    What is asked is evaluated for each row of what is stated (LATERAL), of which there is one: PostgreSQL begins it
    only when the context stands. Were it to begin sooner, nothing would be seen. No `Statement` itself: in another
    transaction it would take over that one's context.
    """

    def __init__(self, asked: Select[Any]) -> None:
        self._whole = whole = Statement(asked)
        settings = [f"set_config('app.{name}', ${number}::text, true) AS {name}"
                    for number, name in enumerate(_STATED, start=len(whole.parameters) + 1)]  # fmt: skip
        stated = ", ".join((*settings, "set_config('app.purpose', '', true) AS purpose"))
        whole.parameters += _STATED
        # OFFSET keeps the planner from merging what is asked into the whole (PostgreSQL, "Subquery Pull-Up").
        whole.text = (
            f"SELECT told.* FROM (SELECT {stated}) AS stated CROSS JOIN LATERAL"  # noqa: S608 - our own words
            f" (SELECT asked.* FROM ({whole.text}) AS asked WHERE stated.sub IS NOT NULL OFFSET 0) AS told"
        )

    async def rows_for(
        self, connection: asyncpg.Connection, settings: Mapping[str, str], values: Mapping[str, Any]
    ) -> list[asyncpg.Record]:
        """Run it outside any transaction; `settings` are the context's. Raises as `Statement.rows` does."""
        return await self._whole.rows(connection, **values, **settings)


def _in_words(element: ExternallyTraversible, **_options: Any) -> ExternallyTraversible | None:
    if isinstance(element, BindParameter) and not element.required:
        said = element.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})
        return literal_column(str(said), element.type)
    return None


async def driver(session: AsyncSession) -> asyncpg.Connection:
    """The connection of a session's transaction, for statements inside it; what the session holds back is not sent."""
    raw = await (await session.connection()).get_raw_connection()
    return raw.driver_connection
