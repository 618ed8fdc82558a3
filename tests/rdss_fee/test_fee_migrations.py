"""The migrated database is the one the models describe, its walls stand, it refuses what may not be (FE-12, FE-36)."""

import datetime as dt
import uuid

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

import rdss_fee.accounts.models
import rdss_fee.billing.models
import rdss_fee.ledger.models
import rdss_fee.payments.models
import rdss_fee.periods.models
import rdss_fee.receipts.models
import rdss_fee.refunds.models
import rdss_fee.violations.models  # noqa: F401 - all tables stand in the metadata then
from local.databases import plain
from rdss_fee.billing.rates import KNOWN_RATES
from rdss_fee.ledger.rules import PAIRS, Account, BookingKind
from rdss_fee.months import Month
from rdss_fee.reference.models import Employer
from tests.rdss_fee.support import TODAY, A, B, Fee

PLATFORM = {
    "job", "inbox_event", "idempotency_key", "audit_entry", "audit_block", "field_key_probe", "alembic_version",
}  # fmt: skip
TENANT = {
    "employer", "serviceman", "serviceman_facts", "service_event", "service_period", "billing_run", "line", "notice",
    "credit_statement", "posting", "bank_file", "bank_transaction", "suspense_assignment", "refund_claim",
    "claim_paper", "receipt", "receipt_counter", "violation", "reminder",
}  # fmt: skip
APPEND_ONLY = ("line", "notice", "credit_statement", "posting", "collection_scheme", "audit_entry")
OCTOBER = Month(2026, 10)
INSERT = (
    "INSERT INTO posting (kind, debit, credit, amount, notice_id, employer_code, transaction_id, claim_id, booked_on,"
    " booked_by) VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8, 'test')"
)


@pytest.fixture(scope="module")
async def urls(template):
    async with template("rdss-fee").copy() as found:
        yield found


async def test_models_and_migrations_agree(urls):
    engine = create_async_engine(urls.owner)
    async with engine.connect() as connection:
        found = await connection.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), Employer.metadata))
    await engine.dispose()
    differences = [
        d
        for d in found
        if not (d[0] == "remove_table" and d[1].name in PLATFORM)
        # Indexes, uniqueness and the keys that a later table adds are written in the migrations alone.
        and d[0] not in ("remove_index", "remove_constraint", "remove_fk")
    ]
    assert differences == []
    assert {table.name for table in Employer.metadata.sorted_tables} == TENANT | {
        "rate", "collection_scheme", "calendar_day",
    }  # fmt: skip


async def test_application_role_is_held(urls):
    connection = await asyncpg.connect(plain(urls.app))
    role = await connection.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    owned = await connection.fetchval(
        "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
    )
    await connection.close()
    assert not any(role.values())
    assert owned == 0


async def test_without_context_no_tenant_table_gives_a_row(fee: Fee):
    await fee.period(await fee.man(), A, dt.date(2026, 1, 1))
    await fee.notice(A, OCTOBER)
    connection = await asyncpg.connect(plain(fee.service.urls.app))
    try:
        for table in sorted(TENANT):
            assert await connection.fetchval("SELECT relrowsecurity FROM pg_class WHERE relname = $1", table), table
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    finally:
        await connection.close()


@pytest.mark.rule("FE-02")
async def test_the_law_s_rates_are_the_table_s(fee: Fee):
    rows = await fee.sql("SELECT category, degree, cohort_from, effective_from, amount, document FROM rate")
    known = {(r.category, r.degree, r.cohort_from, r.effective_from, r.amount, r.document) for r in KNOWN_RATES}
    assert {tuple(row) for row in rows} == known


@pytest.mark.rule("FE-36")
@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_what_was_written_stays(fee: Fee, table: str):
    await fee.notice(A, OCTOBER)
    for statement in (
        f"DELETE FROM {table}",
        f"UPDATE {table} SET {'at' if table == 'audit_entry' else 'amount'} = NULL",
    ):
        column_less = "UPDATE" in statement and table == "collection_scheme"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await fee.sql(statement.replace("amount", "prefix") if column_less else statement)


async def _post(
    fee: Fee, kind: str, debit: str, credit: str, amount: int, notice: str, claim: uuid.UUID | None
) -> None:
    await fee.sql(
        INSERT,
        kind, debit, credit, amount, uuid.UUID(notice), A, claim, TODAY,
    )  # fmt: skip


@pytest.mark.rule("FE-12", "FE-36")
async def test_the_database_takes_the_pairs_of_the_rules_and_no_other(fee: Fee):
    """Every kind with every pair of accounts, both ways: what `PAIRS` lacks is refused, and an unknown kind."""
    async with fee.owner() as connection:
        told = await connection.fetchval(
            "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conname = 'ck_posting_pair'"
        )
        taken = await connection.fetch(
            f"SELECT kind, debit, credit FROM unnest($1::text[]) AS kind, unnest($2::text[]) AS debit,"
            f" unnest($2::text[]) AS credit WHERE {told}",
            [*BookingKind, "netted"], list(Account),
        )  # fmt: skip
    assert {tuple(row) for row in taken} == {
        (kind, debit, credit) for kind, pairs in PAIRS.items() for debit, credit in pairs
    }


@pytest.mark.rule("FE-12", "FE-36")
async def test_a_netting_entry_is_refused_whoever_writes_it(fee: Fee):
    made = await fee.notice(A, OCTOBER)
    for kind, debit, credit, amount in (
        ("payment_posted", "refundable", "receivable", 100),
        ("credit_granted", "revenue", "receivable", 100),
        ("notice_issued", "receivable", "refundable", 100),
        ("notice_issued", "receivable", "revenue", 0),
        ("notice_issued", "receivable", "revenue", -100),
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await _post(fee, kind, debit, credit, amount, made["id"], None)
    # The control: the same row of the right kind is taken.
    await _post(fee, "notice_issued", "receivable", "revenue", 100, made["id"], None)


@pytest.mark.rule("FE-12")
async def test_a_notice_is_what_its_charges_add_up_to(fee: Fee):
    """Planted: a notice of 30,100 that asks for less because of a credit; two notices of a month; an account twice."""
    made = await fee.notice(A, OCTOBER)
    again = (
        "INSERT INTO notice SELECT gen_random_uuid(), run_id, {employer}, month, {amount}, {account}, scheme_id,"
        " issued_on, due_on, due_provisional FROM notice WHERE id = $1"
    )
    for employer, amount, account, error in (
        ("employer_code", "amount", "'1'", asyncpg.UniqueViolationError),
        (f"'{B}'", "amount", "virtual_account", asyncpg.UniqueViolationError),
        (f"'{B}'", "amount", "'1'", asyncpg.CheckViolationError),
    ):
        with pytest.raises(error):
            await fee.sql(again.format(employer=employer, amount=amount, account=account), uuid.UUID(made["id"]))
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql(
            "INSERT INTO line SELECT run_id, gen_random_uuid(), employer_code, month, 'charge', reason, days, category,"
            " degree, cohort, rate, entitled, billed, amount, event_id FROM line"
        )


@pytest.mark.rule("FE-03", "FE-12", "FE-13")
@pytest.mark.parametrize(
    ("kind", "reason", "days", "rate", "entitled", "billed", "amount", "taken"),
    [
        ("charge", "not_yet_billed", 3, 30_100, 3_010, 0, 3_010, True),  # the manual's: 30,100 × 3/30
        ("charge", "not_yet_billed", 3, 30_100, 3_011, 0, 3_011, False),
        ("charge", "not_yet_billed", 3, 30_100, 3_010, 0, 3_009, False),
        ("credit", "billed_too_much", 3, 30_100, 3_010, 30_100, 27_090, True),
        ("charge", "not_yet_billed", 3, 30_100, 3_010, 30_100, 27_090, False),  # a credit that is called a charge
        ("credit", "billed_too_much", 0, None, 0, 30_100, 30_100, True),
        ("credit", "advance", 0, None, 0, 30_100, 30_100, False),
    ],
)
async def test_a_line_is_what_is_entitled_less_what_was_billed(
    fee: Fee, kind, reason, days, rate, entitled, billed, amount, taken
):
    run, priced = uuid.uuid4(), rate is not None
    await fee.sql(
        "INSERT INTO billing_run (id, month, kind, reprice, state, version, asked_by, asked_on, known_at, as_of)"
        " VALUES ($1, '2026-10-01', 'regular', false, 'computing', 1, 'a', $2, now(), $2)",
        run, TODAY,
    )  # fmt: skip
    insert = fee.sql(
        "INSERT INTO line VALUES ($1, gen_random_uuid(), $2, '2026-09-01', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        run, A, kind, reason, days, "rdss" if priced else None, "master" if priced else None, 2010 if priced else None,
        rate, entitled, billed, amount,
    )  # fmt: skip
    if taken:
        await insert
        return
    with pytest.raises(asyncpg.CheckViolationError):
        await insert


@pytest.mark.rule("FE-05")
async def test_no_day_of_a_man_is_known_to_be_served_twice(fee: Fee):
    man, other = await fee.man(), await fee.man()
    await fee.period(man, A, dt.date(2026, 1, 1), dt.date(2026, 9, 11))
    with pytest.raises(asyncpg.ExclusionViolationError):
        await fee.period(man, B, dt.date(2026, 9, 10))
    # The day of the transfer is the first one there; and another man is another man.
    await fee.period(man, B, dt.date(2026, 9, 11))
    await fee.period(other, B, dt.date(2026, 1, 1))


@pytest.mark.rule("FE-13")
@pytest.mark.parametrize("table", ["serviceman_facts", "service_period", "rate"])
async def test_what_was_known_is_replaced_once_and_never_changed(fee: Fee, table: str):
    await fee.period(await fee.man(), A, dt.date(2026, 1, 1))
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql(f"UPDATE {table} SET known_on = known_on - 1")
    await fee.sql(f"UPDATE {table} SET replaced_at = now(), replaced_on = $1", TODAY)
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql(f"UPDATE {table} SET replaced_at = now(), replaced_on = $1", TODAY)


@pytest.mark.rule("FE-14")
async def test_two_runs_are_never_open_and_nobody_issues_his_own(fee: Fee):
    begin = (
        "INSERT INTO billing_run (id, month, kind, reprice, state, version, asked_by, asked_on, checked_by,"
        " known_at, as_of) VALUES (gen_random_uuid(), $1, $2, false, 'computing', 1, 'a', $3, 'a', now(), $3)"
    )
    await fee.sql(begin, OCTOBER.first, "regular", TODAY)
    with pytest.raises(asyncpg.UniqueViolationError):
        await fee.sql(begin, OCTOBER.plus(1).first, "regular", TODAY)
    await fee.sql(begin, OCTOBER.first, "recomputation", TODAY)
    await fee.sql(
        "UPDATE billing_run SET state = 'previewed', computed_at = now(), line_count = 0, employer_count = 0,"
        " charges = 0, credits = 0, manifest = '{}'"
    )
    issue = "UPDATE billing_run SET state = 'issued', issued_at = now(), issued_on = $1, issued_by = $2 WHERE kind = $3"
    for who, kind in (("a", "regular"), ("b", "recomputation")):
        with pytest.raises(asyncpg.CheckViolationError):
            await fee.sql(issue, TODAY, who, kind)
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql("UPDATE billing_run SET charges = 1 WHERE kind = 'regular'")
    await fee.sql(issue, TODAY, "b", "regular")
    with pytest.raises(asyncpg.CheckViolationError):
        await fee.sql("UPDATE billing_run SET version = 9 WHERE kind = 'regular'")
