"""Keep the list of organisations."""

from collections.abc import Mapping

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.organisations.models import Organisation
from identity.organisations.rules import Misfit
from identity.organisations.schemas import NewOrganisation, OrganisationChange, OrganisationOut
from shared import audit, cursors
from shared.db import context_of
from shared.idempotency import Reply
from shared.preconditions import etag, require
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault, ProblemType
from shared.schemas import Page

ORGANISATION_EXISTS = ProblemType("organisation_exists", 409, "此機關單位已存在", "That organisation exists already")


async def list_organisations(
    session: AsyncSession, *, org_type: str | None, limit: int, cursor: str | None
) -> Page[OrganisationOut]:
    """Organisations by type and code, `limit` at a time."""
    bound = cursors.bound_to(context_of(session), "organisations", org_type)
    query = select(Organisation).order_by(Organisation.type, Organisation.code).limit(limit + 1)
    if org_type is not None:
        query = query.where(Organisation.type == org_type)
    if cursor is not None:
        after = cursors.unseal(cursor, bound)
        query = query.where(tuple_(Organisation.type, Organisation.code) > (after["type"], after["code"]))
    found = list(await session.scalars(query))
    items = [OrganisationOut.model_validate(o) for o in found[:limit]]
    more = cursors.seal({"type": items[-1].type, "code": items[-1].code}, bound) if len(found) > limit else None
    return Page(items=items, next_cursor=more)


async def get_organisation(session: AsyncSession, org_type: str, code: str) -> OrganisationOut:
    """One organisation; raises 404."""
    return OrganisationOut.model_validate(await _find(session, org_type, code))


async def create_organisation(session: AsyncSession, new: NewOrganisation) -> Reply:
    """Add an organisation; raises 409 when its type and code are taken."""
    if not await add_organisation(session, new):
        raise ORGANISATION_EXISTS()
    made = await get_organisation(session, new.type, new.code)
    path = f"/identity/v1/organisations/{new.type}/{new.code}"
    return Reply(made, 201, {**etag(made.version), "Location": path})


async def add_organisation(session: AsyncSession, new: NewOrganisation) -> bool:
    """Add an organisation unless it is there; whether it was added."""
    values = new.model_dump()
    added = await session.scalar(
        insert(Organisation).values(values).on_conflict_do_nothing().returning(Organisation.version)
    )
    if added is None:
        return False
    await audit.record(session, "organisation.created", "organisation", _key(new.type, new.code))
    return True


async def change_organisation(
    session: AsyncSession, org_type: str, code: str, seen: int, change: OrganisationChange
) -> OrganisationOut:
    """Rename an organisation; raises 404, 412."""
    found = await _find(session, org_type, code, lock=True)
    require(seen, found.version)
    for name, value in change.given().items():
        setattr(found, name, value)
    found.version += 1
    await session.flush()
    changed: Mapping[str, object] = {"changed": sorted(change.given())}
    await audit.record(session, "organisation.changed", "organisation", _key(org_type, code), changed)
    return OrganisationOut.model_validate(found)


async def require_organisation(session: AsyncSession, org_type: str, code: str) -> None:
    """Raise 422 when an account or client names an organisation that is not in the list."""
    if await session.get(Organisation, (org_type, code)) is None:
        fault = Fault("organisation_unknown", "查無此機關單位", "There is no such organisation", pointer="/org")
        raise INVALID_CONTENT(errors=[fault])


def refuse(misfits: list[Misfit]) -> None:
    """Raise 422 with every reason why the roles do not fit; nothing when there is none."""
    if misfits:
        raise INVALID_CONTENT(
            errors=[Fault(m.code, m.text, m.text_en, pointer="/roles", value=m.role or None) for m in misfits]
        )


async def _find(session: AsyncSession, org_type: str, code: str, *, lock: bool = False) -> Organisation:
    found = await session.get(Organisation, (org_type, code), with_for_update=lock or None)
    if found is None:
        raise NOT_FOUND()
    return found


def _key(org_type: str, code: str) -> str:
    return f"{org_type}:{code}"
