"""Fixtures of employers, men and their periods, rates and collection schemes: A's men, with reports that wait."""

from datetime import date
from typing import Any

from tests.contracts.walls.rows import Row
from tests.rdss_fee.support import DEPARTMENT_A, OFFICE, A, B, Fee, national_id

_A = {"code": A}
_NO_EMPLOYER = {"code": "99999999"}
_PERIOD = {"period_id": "{period}"}
_OFFICE_ALONE = "there is one programme office"
_TERMS = "the terms are one for the country"
_FACTS = {"name": "王大明", "degree": "master", "cohort": 2010, "stage_begins_on": "2026-01-01"}
_WATCHERS = frozenset({"programme_office", "authority_finance", "admin", "auditor"})
CALENDAR = (
    "西元日期,星期,是否放假,備註\n20270101,五,2,開國紀念日\n20270102,六,2,\n20270103,日,2,\n20270104,一,0,\n"
).encode()

ROWS: dict[str, Row] = {
    "add_employer": Row(
        "national", "programme_office", 201, body={"code": "12345676", "number": 77, "name": "丙示範股份有限公司"},
        why=_OFFICE_ALONE,
    ),
    "list_employers": Row("list", "programme_office", shows=("employer",), overseers=_WATCHERS),
    "get_employer": Row("item", "employer", path=_A, absent=_NO_EMPLOYER),
    "rename_employer": Row(
        "national", "programme_office", path={"code": B}, seen="1", body={"name": "乙公司"}, why=_OFFICE_ALONE
    ),
    "set_receipt_address": Row(
        "item", "employer", path=_A, absent=_NO_EMPLOYER, seen="1",
        body={"receipt_addressee": "出納組", "receipt_address": "臺北市中正區重慶南路一號"},
    ),
    "import_fee_calendar": Row(
        "national", "authority_finance", path={"year": "2027"}, content=CALENDAR, media="text/csv",
        why="the government's office calendar is one for the country",
    ),
    "list_collection_schemes": Row("national", "authority_finance", why=_TERMS),
    "add_collection_scheme": Row(
        "national", "authority_finance", 201, why=_TERMS,
        body={
            "effective_from": "2030-01-01", "check_name": "bank_of_taiwan", "prefix": "700602", "employer_digits": 4,
            "payee_bank": "臺灣銀行", "payee_name": "內政部役政署", "atm_most": 2_000_000,
        },
    ),
    "list_rates": Row("national", "employer", why=_TERMS),
    "add_rate": Row(
        "national", "authority_finance", 201, why=_TERMS,
        body={
            "degree": "master", "cohort_from": 2027, "effective_from": "2027-01-01", "amount": 47_000,
            "document": "內政部公告",
        },
    ),
    "announce_periods": Row(
        "national", "programme_office", 201, why=_OFFICE_ALONE,
        body=[
            {
                **_FACTS, "national_id": national_id(9_000_001), "employer_code": A, "begins_on": "2026-09-28",
                "begun_by": "reported",
            }
        ],
    ),
    "list_periods": Row("list", "employer", shows=("period", "reported")),
    "get_period": Row("item", "employer", path=_PERIOD),
    "get_period_history": Row("item", "employer", path=_PERIOD),
    "correct_period": Row(
        "national", "programme_office", path={"period_id": "{corrected}"}, seen="1",
        body={"begins_on": "2026-02-02", "begun_by": "reported"}, why=_OFFICE_ALONE,
    ),
    "withdraw_period": Row(
        "national", "programme_office", path={"period_id": "{withdrawn}"}, seen="1", body={"reason": "未報到"},
        why=_OFFICE_ALONE,
    ),
    "report_period": Row(
        "item", "employer", 201, path={"period_id": "{unreported}"}, seen="1",
        body={"ends_before": "2026-10-01", "ended_by": "transferred_out"},
    ),
    "list_service_events": Row("list", "employer", query="?state=entered", shows=("event", "other_event")),
    "get_service_event": Row("item", "employer", path={"event_id": "{event}"}),
    "confirm_service_event": Row("item", "employer", path={"event_id": "{event}"}),
    "refuse_service_event": Row(
        "item", "employer", path={"event_id": "{other_event}"}, body={"reason": "日期有誤"}
    ),
    "get_serviceman": Row("item", "employer", path={"serviceman_id": "{man}"}),
    "correct_serviceman": Row(
        "national", "programme_office", path={"serviceman_id": "{known_man}"}, seen="1",
        body=_FACTS | {"stage_ends_before": "2027-06-01"}, why=_OFFICE_ALONE,
    ),
}  # fmt: skip


async def furnish(fee: Fee, things: dict[str, Any]) -> None:
    """A's men with a period each, two of which have reports that wait; another employer has one too."""
    # Of months long past, so that there are two.
    await fee.sql(
        "INSERT INTO collection_scheme (id, effective_from, check_name, prefix, employer_digits, bank_code, payee_bank,"
        " payee_name, atm_most, entered_by) SELECT gen_random_uuid(), '2009-01-01', check_name, '700603',"
        " employer_digits, bank_code, payee_bank, payee_name, atm_most, entered_by FROM collection_scheme"
    )
    for name in ("period", "corrected", "withdrawn", "unreported", "reported", "also_reported"):
        man = await fee.man(name="甲公司役男")
        things[name] = str(await fee.period(man, A, date(2026, 2, 1)))
        if name == "period":
            things["man"] = str(man)
    things["known_man"] = str(await fee.man())
    await fee.period(await fee.man(name="乙公司役男"), B, date(2026, 2, 1))
    for name, period in (("event", "reported"), ("other_event", "also_reported")):
        body = {"ends_before": "2026-10-01", "ended_by": "suspended"}
        told = await fee.post(f"/service-periods/{things[period]}/reports", DEPARTMENT_A, body, if_match='"1"')
        assert told.status_code == 201, told.text
        things[name] = told.json()["id"]
    things["employer"] = A
    listed = await fee.get("/employers", OFFICE)
    assert listed.status_code == 200, listed.text
