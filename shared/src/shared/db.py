"""The database: one engine a process, one transaction a request, and who it is done for.

Every transaction states its context (`Context`) in `app.*` settings that row-level security reads. They are set
with `set_config(…, true)`, so they end with the transaction and cannot leak to the next user of the connection.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from socket import gaierror
from typing import Any, ClassVar, TypeVar

import asyncpg
from sqlalchemy import MetaData, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from shared import clock, logs
from shared.principals import Principal
from shared.statements import Alone

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


# Seconds that a request waits for a connection that answers (or for the one answer of `alone`); then it is told to come
# back. All of it is to take two.
PATIENCE_SECONDS = 1.5
# Seconds until a server that gives no sign of life is called away.
PULSE_SECONDS = 1.0
# A process that starts beside its database waits longer: both may be slow just then.
START_PATIENCE_SECONDS = 30
# SQLSTATE classes and codes after which the same request may well succeed: connection lost, out of resources, shut
# down or started up, statement or lock time-out, deadlock, idle in transaction.
_PASSING = ("08", "53", "57", "55P03", "40", "25P03")


# As far apart may the clocks of machines be that are set by the network.
CLOCKS_APART = timedelta(minutes=1)

log = logs.get(__name__)
T = TypeVar("T")


class Base(DeclarativeBase):
    """Declares tables; constraint names are the same on every machine.

    Each service's tables stand in a `metadata` of its own, as its database does: two services may both have an
    `account`, and one process (a test's) may hold both.
    """

    _of_package: ClassVar[dict[str, MetaData]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        package = cls.__module__.partition(".")[0]
        cls.metadata = Base._of_package.setdefault(package, MetaData(naming_convention=NAMING))
        super().__init_subclass__(**options)


@dataclass(frozen=True, slots=True)
class Context:
    """Who a transaction is done for: an account or client, its organisation; row-level security reads it."""

    sub: str
    org_type: str
    org_code: str

    @classmethod
    def of(cls, principal: Principal) -> "Context":
        """The context of a verified token."""
        return cls(principal.sub, principal.org.type, principal.org.code)

    @classmethod
    def system(cls, service: str) -> "Context":
        """The context of a service's own worker: no tenant, so no tenant's rows without a purpose."""
        return cls(f"service:{service}", "service", service)


_SET = (
    "SELECT set_config('app.sub', $1, true), set_config('app.org_type', $2, true),"
    " set_config('app.org_code', $3, true), set_config('app.purpose', '', true),"
    " set_config('plan_cache_mode', 'auto', true)"
)
# Seconds that a connection lies unused before it is asked whether it still stands. Asking before every transaction took
# three round trips of the eight that a small request made; one that broke within the second is a 503, as it would be
# had it broken a moment after being asked.
_TRUSTED_SECONDS = 1.0
_LEFT_AT = "left_at"


# Statements that are compiled once are planned once too, for whatever values: each of a connection's first five runs
# would be planned for its own, which takes longer than to run it (10 ms for the walls of six tables), and for a page of
# few in many PostgreSQL then reads them all. What goes through a session says otherwise (`_SET`).
_ONE_PLAN = {"plan_cache_mode": "force_generic_plan"}
_ONE_MOMENT = "ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SNAPSHOT: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class Database:
    """A pool of connections to a service's own database, as its application role."""

    def __init__(self, url: str, *, pool_size: int = 8, application: str = "muster") -> None:
        # For a server that no longer answers at all, 40 seconds; one that does ends statements earlier itself.
        self.engine = _engine(url, application, pool_size=pool_size, max_overflow=pool_size, command_timeout=40)
        # A connection of its own, so that a server whose connections are all at work is not taken for one that is away.
        self._pulse = _engine(url, f"{application}-pulse", pool_size=1, max_overflow=0, command_timeout=3)
        self._feeling: asyncio.Task[None] | None = None
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._leaving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def transaction(self, context: Context) -> AsyncIterator[AsyncSession]:
        """One transaction in `context`: committed at the end, rolled back on any exception.

        Raises TimeoutError when no connection answers within `PATIENCE_SECONDS`.
        """
        async with await self._answered(self._begun(context), AsyncSession.close) as session:
            yield session
            await session.commit()

    @asynccontextmanager
    async def reading(self, context: Context) -> AsyncIterator[AsyncSession]:
        """A transaction in `context` that cannot write and sees one moment only, however long it takes: for a body
        that is streamed. Raises as `transaction` does.
        """
        async with await self._answered(self._begun(context, _SNAPSHOT), AsyncSession.close) as session:
            yield session

    @asynccontextmanager
    async def direct(self, context: Context, *, writes: bool = False) -> AsyncIterator[asyncpg.Connection]:
        """A short transaction in `context` straight on the driver, for `shared.statements`; it only reads unless it
        `writes`. Committed at the end, rolled back on any exception.

        One that only reads sees one moment. Raises as `transaction` does.
        """
        pooled = await self._answered(self._begun_directly(context, writes), _cut)
        connection: asyncpg.Connection = pooled.driver_connection
        ended = False
        try:
            try:
                yield connection
                await connection.execute("COMMIT")
            except Exception:
                with suppress(Exception):
                    await connection.execute("ROLLBACK")
                    ended = True
                raise
            ended = True
        finally:
            # Where whoever asked has gone meanwhile, what is under way on it is not waited for.
            if ended:
                pooled.close()
            else:
                pooled.invalidate()

    async def alone(self, context: Context, statement: Alone, **values: Any) -> list[asyncpg.Record]:
        """The rows of one select, in `context`; it sees one moment. For what takes milliseconds: the select itself has
        `PATIENCE_SECONDS`, for nothing before it has shown that the server answers.

        Raises TimeoutError when they are over, and what the driver raises.
        """
        return await self._answered(self._asked(context, statement, values))

    async def ping(self) -> None:
        """Ask the server for a sign of life, however busy it is; TimeoutError when none comes in `PULSE_SECONDS`."""
        feeling = self._feeling
        if feeling is None or feeling.done():
            feeling = self._feeling = asyncio.create_task(self._feel())
            # Whoever waited may have gone before it failed; somebody has to look, or it is logged as forgotten.
            feeling.add_done_callback(lambda task: task.cancelled() or task.exception())
        # By the time this caller wakes, another one's look may have taken its place.
        await asyncio.wait({feeling}, timeout=PULSE_SECONDS)
        if not feeling.done():
            raise TimeoutError("The server gives no sign of life.")
        feeling.result()

    async def _feel(self) -> None:
        async with self._pulse.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def _begun(self, context: Context, options: Mapping[str, Any] | None = None) -> AsyncSession:
        session = self.sessions()
        try:
            if options is not None:
                await session.connection(execution_options=options)
            await set_context(session, context)
        except BaseException:
            await session.close()
            raise
        return session

    async def _begun_directly(self, context: Context, writes: bool) -> PoolProxiedConnection:
        pooled = await self.engine.raw_connection()
        try:
            driver: asyncpg.Connection = pooled.driver_connection
            await driver.execute(f"BEGIN {'READ WRITE' if writes else _ONE_MOMENT}; {_stated(context)}")
        except BaseException:
            pooled.invalidate()
            raise
        return pooled

    async def _asked(self, context: Context, statement: Alone, values: Mapping[str, Any]) -> list[asyncpg.Record]:
        pooled = await self.engine.raw_connection()
        connection: asyncpg.Connection = pooled.driver_connection
        try:
            found = await statement.rows_for(connection, _settings(context), values)
        except BaseException as error:
            # What the server refused, or we called wrongly, leaves a sound connection behind; what was cut off, none.
            if isinstance(error, Exception) and not is_away(error) and not connection.is_closed():
                pooled.close()
            else:
                pooled.invalidate()
            raise
        pooled.close()
        return found

    async def _answered(self, asking: Coroutine[Any, Any, T], leave: Callable[[T], Awaitable[None]] | None = None) -> T:
        """What `asking` gives, or TimeoutError; then it is left with `leave`, where there is anything to leave.

        A server that was stopped and not ended takes connections and answers nothing, and to leave a connection that
        hangs takes seconds again. Hence a task of its own, which nobody waits for once it is late.
        """
        task = asyncio.create_task(asking)
        try:
            await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
            if not task.done():
                raise TimeoutError("The server does not answer.")
        except BaseException:
            leaving = asyncio.create_task(_leave(task, leave))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            raise
        return task.result()

    async def when_reachable(self, context: Context, work: Callable[[AsyncSession], Awaitable[None]]) -> None:
        """Do `work` in one transaction, as soon as the database can be reached: for the start of a process.

        Raises the last error when that takes longer than `START_PATIENCE_SECONDS`, any other at once.
        """
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        while True:
            try:
                async with self.transaction(context) as session:
                    await work(session)
                return
            except Exception as error:
                if not is_away(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.25)

    async def close(self) -> None:
        """Give the connections back."""
        if self._feeling is not None:
            self._feeling.cancel()
            await asyncio.wait({self._feeling})
        await asyncio.gather(*self._leaving)
        await self._pulse.dispose()
        await self.engine.dispose()


def _engine(url: str, application: str, *, pool_size: int, max_overflow: int, command_timeout: float) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=PATIENCE_SECONDS,
        # Values never reach a log or a traceback: they may be national IDs.
        hide_parameters=True,
        connect_args={
            "timeout": PATIENCE_SECONDS,
            "command_timeout": command_timeout,
            # The driver would forget a statement after five minutes, and PostgreSQL would plan it anew five times.
            "max_cached_statement_lifetime": 0,
            "server_settings": {
                "application_name": application,
                "statement_timeout": "30000",
                # The statement of a process that was killed ends, and its locks with it, before a lease does.
                "client_connection_check_interval": "5000",
                "idle_in_transaction_session_timeout": "60000",
                "timezone": "UTC",
                **_ONE_PLAN,
            },
        },
    )
    event.listen(engine.sync_engine, "checkin", _left)
    event.listen(engine.sync_engine, "checkout", _ask_after_idling)
    return engine


def _left(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_LEFT_AT] = time.monotonic()


def _ask_after_idling(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Have the pool replace a connection that lay unused and broke meanwhile: its server was started anew."""
    left_at = record.info.get(_LEFT_AT)
    if left_at is None or time.monotonic() - left_at < _TRUSTED_SECONDS:
        return
    try:
        connection.ping()
    except Exception as error:
        raise DisconnectionError from error


async def check_clock(session: AsyncSession) -> None:
    """For the start of a process: raises `ClockError` when its clock and the database server's are too far apart.

    Each service stands by a server of its own, but all tokens are judged by the clock of the machine that reads them:
    one that is an hour off refuses everybody, or takes what has long expired.
    """
    before = clock.now()
    server: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    apart = max(before - server, server - clock.now())
    if apart > CLOCKS_APART:
        log.error("clock_differs_from_database", seconds=int(apart.total_seconds()))
        raise clock.ClockError(
            f"This machine's clock and the database server's differ by {int(apart.total_seconds())} s: set them right."
        )


async def _leave(task: asyncio.Task[T], leave: Callable[[T], Awaitable[None]] | None) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None and leave is not None:
        await leave(task.result())


async def _cut(pooled: PoolProxiedConnection) -> None:
    pooled.invalidate()


def _settings(context: Context) -> dict[str, str]:
    return {"sub": context.sub, "org_type": context.org_type, "org_code": context.org_code}


def _stated(context: Context) -> str:
    """The context in words, for one round trip with what begins a transaction: that takes no parameters."""
    settings = _settings(context) | {"purpose": ""}
    told = ", ".join(f"set_config('app.{name}', {_quoted(value)}, true)" for name, value in settings.items())
    return f"SELECT {told}"


def _quoted(value: str) -> str:
    """A text as SQL; without a backslash it means the same whatever the server is set to. Raises ValueError for one."""
    if "\\" in value or "\x00" in value:
        raise ValueError("no name of ours holds a backslash or NUL")
    return "'" + value.replace("'", "''") + "'"


def is_away(error: BaseException) -> bool:
    """Whether `error` says that the database cannot be reached or cannot go on just now, and not that we erred."""
    if isinstance(error, PoolTimeout | ConnectionError | TimeoutError | gaierror):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    # The driver's own words for a connection that was lost, and for a plan that a migration has overtaken.
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return True
    if isinstance(error, asyncpg.InterfaceError) and "closed" in str(error):
        return True
    # SQLAlchemy wraps the driver's errors, except those of opening a connection.
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return isinstance(state, str) and state.startswith(_PASSING)


async def set_context(session: AsyncSession, context: Context) -> None:
    """State in this transaction who it is done for."""
    session.info["context"] = context
    values = (context.sub, context.org_type, context.org_code)
    # Past the compiler and the unit of work: each request pays for this.
    await session.run_sync(lambda begun: begun.connection().exec_driver_sql(_SET, values))


def context_of(session: AsyncSession) -> Context:
    """The context this session's transaction was opened in."""
    context: Context = session.info["context"]
    return context
