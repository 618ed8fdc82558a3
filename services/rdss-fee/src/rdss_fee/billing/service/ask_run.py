"""Asking for a run: what may be known is fixed, a worker computes it (FE-10, FE-14)."""

from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.schemas import RunIn
from rdss_fee.billing.service.begin_run import PATH, begin
from rdss_fee.billing.service.common import refuse_out_of_season, scheme_of
from rdss_fee.billing.service.read_runs import get_run
from rdss_fee.reference.service import working_calendar
from rdss_fee.schemas import month_of
from shared import clock
from shared.idempotency import Reply
from shared.law import rule
from shared.preconditions import etag
from shared.principals import Principal
from shared.problems import INVALID_CONTENT, Fault


@rule("FE-13", "FE-14")
async def ask(session: AsyncSession, caller: Principal, body: RunIn) -> Reply:
    """Have a run computed: 202, and where it will be.

    Raises 409 `run_open` while another regular run is open, `run_too_early`, `run_too_late`, `scheme_missing`; 422 for
    a day that cannot be meant.
    """
    month, today = month_of(body.month), clock.today()
    if body.kind == "regular":
        if body.as_of is not None:
            raise _refused("as_of_regular", "只有重算作業可指定 as_of", "Only a recomputation is as of another day")
        refuse_out_of_season(month, today, await working_calendar(session))
        await scheme_of(session, month)
    elif body.as_of is not None and body.as_of > today:
        raise _refused("as_of_future", "as_of 不得晚於今日", "Nobody knows yet what will be known then")
    as_of = body.as_of or today
    made = await begin(
        session, month, kind=body.kind, reprice=body.reprice, as_of=as_of, asked_by=caller.sub, checked_by=caller.sub
    )
    out = await get_run(session, made)
    return Reply(out, 202, {"Location": f"{PATH}/{made}", **etag(out.version)})


def _refused(code: str, message: str, message_en: str) -> Exception:
    return INVALID_CONTENT(errors=[Fault(code, message, message_en, pointer="/as_of")])
