"""Reports for finance: of the whole country, for its authority, its programme office, the administrator."""

from typing import Any

from rdss_fee.months import Month
from tests.contracts.walls.rows import Row
from tests.rdss_fee.support import A, Fee

_WHY = "one authority collects from all employers, and no employer has these roles"
ROWS: dict[str, Row] = {
    "report_month_summary": Row("national", "authority_finance", query="?month=2026-08", why=_WHY),
    "report_ageing": Row("national", "authority_finance", why=_WHY),
    "report_suspense": Row("national", "authority_finance", why=_WHY),
    "report_refunds": Row("national", "authority_finance", why=_WHY),
}


async def furnish(fee: Fee, things: dict[str, Any]) -> None:
    """A notice of a month that no other room has."""
    await fee.notice(A, Month(2026, 5))
