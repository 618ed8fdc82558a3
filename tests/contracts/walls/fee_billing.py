"""Runs, notices and credit statements: A, an employer, has some of each; B has others out of the same runs."""

import datetime as dt
from typing import Any
from uuid import UUID

from rdss_fee.months import Month
from tests.contracts.walls.rows import Row
from tests.rdss_fee.support import FINANCE_2, A, B, Fee

_RUN = {"run_id": "{run}"}
_WHY = "the authority and its programme office have no other of their kind"
_LINE = {"run_id": "{run}", "employer_code": A, "serviceman_id": "{billed_man}", "month": "2026-10"}
_NO_LINE = {"employer_code": A, "month": "2026-10"}
_NOTICE, _STATEMENT = {"notice_id": "{notice}"}, {"statement_id": "{statement}"}
ROWS: dict[str, Row] = {
    "ask_billing_run": Row(
        "national", "authority_finance", 202, body={"month": "2026-09", "kind": "recomputation"}, why=_WHY
    ),
    "list_billing_runs": Row("national", "programme_office", why=_WHY),
    "get_billing_run": Row("national", "programme_office", path=_RUN, why=_WHY),
    "list_billing_run_employers": Row("national", "auditor", path=_RUN, why=_WHY),
    "list_billing_run_lines": Row("national", "authority_finance", path=_RUN, why=_WHY),
    "explain_billing_line": Row("item", "employer", path=_LINE, absent=_NO_LINE),
    "verify_billing_run": Row("national", "auditor", path=_RUN, why=_WHY),
    "check_billing_run": Row("national", "authority_finance", path={"run_id": "{unchecked}"}, seen="2", why=_WHY),
    "issue_billing_run": Row("national", "authority_finance", path={"run_id": "{unissued}"}, seen="2", why=_WHY),
    "drop_billing_run": Row("national", "authority_finance", path={"run_id": "{again}"}, seen="2", why=_WHY),
    "list_notices": Row("list", "employer", shows=("notice", "second_notice")),
    "get_notice": Row("item", "employer", path=_NOTICE),
    "list_notice_lines": Row("item", "employer", path=_NOTICE),
    "list_credit_statements": Row("list", "employer", shows=("statement", "second_statement")),
    "get_credit_statement": Row("item", "employer", path=_STATEMENT),
    "list_credit_statement_lines": Row("item", "employer", path=_STATEMENT),
}


async def furnish(fee: Fee, things: dict[str, Any]) -> None:
    """Three months that were billed: two men of A's leave one after the other, one of A's and one of B's stay."""
    today = fee.today()
    men = [await fee.man(cohort=2024, name="甲公司役男") for _ in range(3)]
    periods = [await fee.period(man, A, dt.date(2026, 7, 1), known_on=dt.date(2026, 7, 1)) for man in men]
    await fee.period(await fee.man(cohort=2024), B, dt.date(2026, 7, 1), known_on=dt.date(2026, 7, 1))
    for month, leaving in ((8, None), (9, periods[0]), (10, periods[1])):
        fee.on(dt.date(2026, month - 1, 15))
        if leaving is not None:
            await fee.correct(leaving, dt.date(2026, month - 2, 20), known_on=dt.date(2026, month - 1, 14))
        run = await fee.issued(Month(2026, month))
    fee.on(today)
    # A run is everybody's, so its id tells nothing of A's: no text, as markers are.
    things["run"], things["billed_man"] = UUID(run["id"]), str(men[2])
    for name, table in (("notice", "notice"), ("statement", "credit_statement")):
        rows = await fee.sql(f"SELECT id FROM {table} WHERE employer_code = $1 ORDER BY month DESC", A)
        things[name], things[f"second_{name}"] = str(rows[0][0]), str(rows[1][0])
    # No two runs are ever open; here there is one for each operation, so that none spoils the next one's.
    await fee.sql("DROP INDEX uq_billing_run_open")
    for name, asked in (("unchecked", {}), ("unissued", {}), ("again", {"kind": "recomputation"})):
        things[name] = UUID((await fee.previewed(Month(2026, 10), FINANCE_2, **asked))["id"])
    await fee.sql("UPDATE billing_run SET checked_by = NULL WHERE id = $1", things["unchecked"])
