"""Log in, stay logged in, log out; change the password; tokens for systems."""

import hashlib
import secrets
import uuid
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.access import log_refusal, logging_in
from identity.accounts.rules import weaknesses
from identity.accounts.service.attempt import begin_attempt, settle_attempt
from identity.accounts.service.set_password import set_own_password
from identity.accounts.service.whois import Who, whois
from identity.clients import service as clients
from identity.passwords import Hasher
from identity.tokens.minter import EXPIRES_IN, Minter, session_of
from identity.tokens.models import LogInSession, RefreshToken
from identity.tokens.rules import (
    SESSION_LIFE,
    SESSIONS_KEPT_FOR,
    EndReason,
    Refreshing,
    refresh_until,
    refreshing,
    session_is_live,
)
from identity.tokens.schemas import PasswordChange, SessionOut, SessionsOut, SessionTokens, TokenOut
from shared import audit, clock
from shared.db import Context, Database
from shared.law import rule
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault, ProblemError, ProblemType

WRONG_CREDENTIALS = ProblemType("credentials_wrong", 401, "帳號或密碼錯誤", "Wrong user name or password")
INVALID_GRANT = ProblemType(
    "invalid_grant", 400, "登入已失效，請重新登入", "That refresh token is no longer good: log in again"
)
INVALID_CLIENT = ProblemType("invalid_client", 401, "介接系統代號或密鑰錯誤", "Wrong client id or secret")

REFRESH_BYTES = 32


@rule("ID-01", "ID-04")
async def log_in(
    database: Database, hasher: Hasher, minter: Minter, username: str, password: str, user_agent: str
) -> SessionTokens:
    """Open a session. Raises 401 for a wrong name, password or disabled account alike, 429 while locked out."""
    async with logging_in(database, audited=False) as session:
        attempt = await begin_attempt(session, username)
    right = await hasher.verify(attempt.stored or hasher.decoy, password)
    renewed = None
    if right and attempt.stored is not None and hasher.outdated(attempt.stored):
        renewed = await hasher.hash(password)
    async with logging_in(database, audited=attempt.account_id is not None) as session:
        who = await settle_attempt(session, attempt, right, renewed)
        if who is not None:
            return await _open(session, minter, who, user_agent)
    log_refusal("log_in", "password" if attempt.account_id is not None else "unknown")
    raise WRONG_CREDENTIALS(headers={"WWW-Authenticate": "Bearer"})


@rule("ID-04")
async def refresh(database: Database, minter: Minter, token: str) -> SessionTokens:
    """The next tokens of a session. A token shown twice ends the session; raises 400 `invalid_grant`."""
    async with logging_in(database) as session:
        tokens = await _rotate(session, minter, _digest(token))
    # The session that a reuse has ended stays ended, so this is raised after the transaction.
    if tokens is None:
        raise INVALID_GRANT()
    return tokens


@rule("ID-04")
async def client_credentials(database: Database, minter: Minter, client_id: str, secret: str) -> TokenOut:
    """An access token for a system; raises 401 `invalid_client`."""
    async with logging_in(database, audited=False) as session:
        client = await clients.authenticate(session, client_id, secret)
        if client is not None:
            await audit.record(session, "token.issued", "client", client.client_id)
            token = minter.for_client(client.client_id, client.roles, (client.org_type, client.org_code))
            return TokenOut(access_token=token, expires_in=EXPIRES_IN)
    log_refusal("client_credentials", "credentials")
    raise INVALID_CLIENT()


@rule("ID-01", "ID-02")
async def change_password(
    database: Database, hasher: Hasher, minter: Minter, me: Principal, change: PasswordChange, user_agent: str
) -> SessionTokens:
    """Change one's own password. Every session ends, this one too; the answer opens a new one.

    Raises 422 for a wrong old password (which counts as a failed log-in) or a weak new one, 429 while locked out.
    """
    context = Context.of(me)
    async with logging_in(database, context, audited=False) as session:
        attempt = await begin_attempt(session, (await _me(session, me)).username)
    _refuse_weak(change, attempt.username)
    right = await hasher.verify(attempt.stored or hasher.decoy, change.current_password)
    fresh = await hasher.hash(change.new_password) if right else None
    async with logging_in(database, context) as session:
        who = await settle_attempt(session, attempt, right)
        if who is not None and fresh is not None:
            who = await set_own_password(session, who.id, fresh)
            return await _open(session, minter, who, user_agent)
    wrong = Fault("password_wrong", "原密碼錯誤", "That is not the old password", pointer="/current_password")
    raise INVALID_CONTENT(errors=[wrong])


async def list_sessions(session: AsyncSession, me: Principal) -> SessionsOut:
    """One's own live sessions."""
    who = await _me(session, me)
    now = clock.now()
    found = await session.scalars(
        select(LogInSession)
        .where(LogInSession.account_id == who.id, LogInSession.ended_at.is_(None), LogInSession.ends_at > now)
        .order_by(LogInSession.started_at.desc())
        .limit(1_000)
    )
    current = session_of(me.jti)
    items = [
        SessionOut(
            id=row.id,
            user_agent=row.user_agent,
            started_at=row.started_at,
            last_used_at=row.last_used_at,
            ends_at=row.ends_at,
            current=row.id == current,
        )
        for row in found
        if _is_live(row, who, now)
    ]
    return SessionsOut(items=items)


@rule("ID-01")
async def end_session(session: AsyncSession, me: Principal, session_id: uuid.UUID) -> None:
    """End one of one's own sessions; raises 404. Ending it again changes nothing."""
    row = await session.get(LogInSession, session_id, with_for_update=True)
    if row is None or str(row.account_id) != me.sub:
        raise NOT_FOUND()
    if row.ended_at is None:
        _end(row, EndReason.LOGGED_OUT)
        await audit.record(session, "session.ended", "session", row.id, {"reason": EndReason.LOGGED_OUT})


@rule("ID-01")
async def is_live(session: AsyncSession, principal: Principal) -> bool:
    """Whether the session or client behind a token still stands: other services learn of its end within ten
    minutes, identity knows at once."""
    if principal.client:
        return await clients.is_active(session, principal.sub)
    session_id = session_of(principal.jti)
    row = await session.get(LogInSession, session_id) if session_id is not None else None
    if row is None or str(row.account_id) != principal.sub:
        return False
    who = await whois(session, principal.sub)
    return who is not None and who.active and _is_live(row, who, clock.now())


async def _open(session: AsyncSession, minter: Minter, who: Who, user_agent: str) -> SessionTokens:
    now = clock.now()
    await session.execute(
        delete(LogInSession).where(LogInSession.account_id == who.id, LogInSession.ends_at < now - SESSIONS_KEPT_FOR)
    )
    row = LogInSession(
        id=uuid.uuid4(),
        account_id=who.id,
        user_agent=user_agent,
        started_at=now,
        last_used_at=now,
        ends_at=now + SESSION_LIFE,
    )
    session.add(row)
    await session.flush()
    await audit.record(session, "session.opened", "session", row.id, {"account": str(who.id)})
    return await _tokens(session, minter, who, row, now)


async def _rotate(session: AsyncSession, minter: Minter, digest: bytes) -> SessionTokens | None:
    """The next tokens; None when this use has ended the session.

    A token that changes nothing, being unknown or over, raises `INVALID_GRANT` and so leaves no row.
    """
    shown = await session.get(RefreshToken, digest, with_for_update=True)
    if shown is None:
        raise _fruitless("unknown")
    row = await session.get(LogInSession, shown.session_id, with_for_update=True)
    who = None if row is None else await whois(session, str(row.account_id))
    if row is None or who is None:
        raise _fruitless("unknown")
    now = clock.now()
    live = who.active and _is_live(row, who, now)
    match refreshing(shown.used_at, shown.expires_at, live, now):
        case Refreshing.ROTATE:
            shown.used_at = row.last_used_at = now
            await session.flush()
            return await _tokens(session, minter, who, row, now)
        case Refreshing.REUSED if row.ended_at is None:
            _end(row, EndReason.REFRESH_REUSE)
            facts = {"reason": EndReason.REFRESH_REUSE, "account": str(who.id)}
            await audit.record(session, "session.ended", "session", row.id, facts)
            return None
        case refused:
            raise _fruitless(refused)


def _fruitless(why: str) -> ProblemError:
    log_refusal("refresh_token", why)
    return INVALID_GRANT()


async def _tokens(session: AsyncSession, minter: Minter, who: Who, row: LogInSession, now: datetime) -> SessionTokens:
    token = secrets.token_urlsafe(REFRESH_BYTES)
    session.add(
        RefreshToken(
            digest=_digest(token),
            session_id=row.id,
            issued_at=now,
            expires_at=refresh_until(row.ends_at, now),
        )
    )
    await session.flush()
    access = minter.for_person(who.id, row.id, who.roles, who.org, must_change_password=who.must_change_password)
    return SessionTokens(
        access_token=access,
        expires_in=EXPIRES_IN,
        refresh_token=token,
        must_change_password=who.must_change_password,
        session_id=row.id,
    )


async def _me(session: AsyncSession, me: Principal) -> Who:
    who = await whois(session, me.sub)
    if who is None:
        raise NOT_FOUND()
    return who


def _refuse_weak(change: PasswordChange, username: str) -> None:
    found = weaknesses(change.new_password, username, change.current_password)
    if found:
        raise INVALID_CONTENT(errors=[Fault(w.code, w.text, w.text_en, pointer="/new_password") for w in found])


def _end(row: LogInSession, reason: EndReason) -> None:
    row.ended_at, row.end_reason = clock.now(), reason


def _is_live(row: LogInSession, who: Who, now: datetime) -> bool:
    return session_is_live(row.started_at, row.ends_at, row.ended_at, who.sessions_since, now)


def _digest(token: str) -> bytes:
    # 256 random bits: nothing to guess, so no salt and no cost are needed.
    return hashlib.sha256(token.encode()).digest()
