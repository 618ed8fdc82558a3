"""Organisations, for administrators; auditors read."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from identity.deps import Admin, Overseer
from identity.organisations import service
from identity.organisations.schemas import NewOrganisation, OrganisationChange, OrganisationOut
from shared.guard import GuardedRoute
from shared.idempotency import Once
from shared.if_match import IfMatch
from shared.pages import Pages
from shared.preconditions import etag
from shared.refusals import refuses
from shared.schemas import Page
from shared.sessions import Session
from shared.tokens import OrgType

router = APIRouter(prefix="/identity/v1/organisations", route_class=GuardedRoute, tags=["organisations"])

Code = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]


@router.get("", operation_id="list_organisations")
async def list_organisations(
    session: Session,
    _caller: Overseer,
    pages: Pages,
    org_type: Annotated[OrgType | None, Query(alias="type")] = None,
) -> Page[OrganisationOut]:
    """Organisations by type and code."""
    page = await service.list_organisations(session, org_type=org_type, limit=pages.limit, cursor=pages.cursor)
    return pages.linked(page)


@router.post(
    "",
    operation_id="create_organisation",
    status_code=201,
    response_model=OrganisationOut,
    openapi_extra=refuses(service.ORGANISATION_EXISTS),
)
async def create_organisation(new: NewOrganisation, once: Once, session: Session, _admin: Admin) -> Response:
    """Add an organisation."""
    return await once.run(lambda: service.create_organisation(session, new))


@router.get("/{org_type}/{code}", operation_id="get_organisation")
async def get_organisation(
    org_type: OrgType, code: Code, response: Response, session: Session, _caller: Overseer
) -> OrganisationOut:
    """One organisation."""
    found = await service.get_organisation(session, org_type, code)
    response.headers.update(etag(found.version))
    return found


@router.patch("/{org_type}/{code}", operation_id="change_organisation")
async def change_organisation(
    org_type: OrgType,
    code: Code,
    change: OrganisationChange,
    seen: IfMatch,
    response: Response,
    session: Session,
    _admin: Admin,
) -> OrganisationOut:
    """Rename an organisation."""
    changed = await service.change_organisation(session, org_type, code, seen, change)
    response.headers.update(etag(changed.version))
    return changed
