"""Who may call what, as parameters of route handlers, and what the process keeps for all of them."""

from typing import Annotated

from fastapi import Depends, Request

from identity.passwords import Hasher, InitialPassword
from identity.tokens.minter import Minter
from shared.auth import Requires
from shared.db import Database
from shared.principals import Principal
from shared.problems import FORBIDDEN
from shared.sessions import database_of

Admin = Annotated[Principal, Depends(Requires("admin"))]
Overseer = Annotated[Principal, Depends(Requires("admin", "auditor"))]


def _person(principal: Principal) -> Principal:
    if principal.client:
        raise FORBIDDEN(headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
    return principal


async def person(principal: Annotated[Principal, Depends(Requires())]) -> Principal:
    """Somebody with an account; systems have none, and are refused with 403."""
    return _person(principal)


async def newcomer(principal: Annotated[Principal, Depends(Requires(before_password_change=True))]) -> Principal:
    """Somebody with an account, whose first password may still wait to be changed."""
    return _person(principal)


Person = Annotated[Principal, Depends(person)]
Newcomer = Annotated[Principal, Depends(newcomer)]


async def _database(request: Request) -> Database:
    return database_of(request)


async def _hasher(request: Request) -> Hasher:
    hasher: Hasher = request.app.state.hasher
    return hasher


async def _minter(request: Request) -> Minter:
    minter: Minter = request.app.state.minter
    return minter


OwnDatabase = Annotated[Database, Depends(_database)]
Passwords = Annotated[Hasher, Depends(_hasher)]
Mint = Annotated[Minter, Depends(_minter)]


async def _initial(hasher: Passwords, _admin: Admin) -> InitialPassword:
    return await hasher.initial()


# Stands before `Session` and `Once` among a route's parameters, which FastAPI fills in order: hashing takes a tenth of
# a second, longer in line, and holds neither connection nor lock. Only administrators get that far.
Initial = Annotated[InitialPassword, Depends(_initial)]
