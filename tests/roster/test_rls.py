"""Row-level security is a wall of its own: with the service's filters patched away it gives nothing of anybody else.

The patching is this test's; the product has no switch for it. The same questions with row-level security off as well
are answered, so that these tests can fail; and with it off but the filters in place they are not, so that neither
wall leans on the other.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace

import asyncpg
import pytest

from local.databases import Urls, plain
from roster.cases import queries as cases
from roster.intake import service as intake
from roster.registry import service as registry
from roster.remedies import service as remedies
from roster.report_jobs import service as report_jobs
from roster.results import choosing, searching
from roster.results import service as results
from roster.review.service import common, read_now, review_entry
from roster.versions.service import deferment_history
from tests.contracts.walls import roster as fixtures
from tests.contracts.walls.operations import Operation, application, operations
from tests.contracts.walls.rows import World, hide_from_others
from tests.support import rosters
from tests.support.databases import Template
from tests.support.services import running

pytestmark = [pytest.mark.xdist_group("rls"), pytest.mark.rule("ID-03")]

# A filter of these is the caller's own code itself, by which the one row is fetched: nothing is left to patch away.
BY_OWN_CODE = {"set_school_contact", "list_terms", "get_county_settings"}
# Sums name nobody by whom a breach could be seen; `test_statistics` counts behind each wall.
SUMS = {"get_statistics"}
WALLED = [
    operation
    for operation in operations("roster", application("roster"))
    if fixtures.ROWS[operation.name].wall in ("item", "list") and operation.name not in BY_OWN_CODE | SUMS
]
FILTERS = [
    (common, "own"),
    (common, "own_entries"),
    (common, "own_batches"),
    (results, "own_entries"),
    (registry, "_own"),
    (intake, "_own"),
    (remedies, "_own"),
    (cases, "own"),
    (cases, "filed_by"),
    (report_jobs, "_own"),
    (deferment_history, "own_deferments"),
]


@pytest.fixture(scope="module")
async def furnished(template, tmp_path_factory) -> AsyncIterator[World]:
    """The roster service with rosters of several schools and counties."""
    async with template("roster").copy() as urls:
        with pytest.MonkeyPatch.context() as patch:
            rosters.set_today(patch, tmp_path_factory.mktemp("rls"))
            async with running("roster", urls) as service:
                yield await fixtures.furnish(service)


@pytest.fixture(scope="module")
async def defenceless(template, furnished: World) -> AsyncIterator[World]:
    """The same data in a database whose row-level security the owner switched off."""
    empty: Template = template("roster")
    urls = await _copy(empty, furnished.service.urls)
    owner = await asyncpg.connect(plain(urls.owner))
    for table in await owner.fetch("SELECT relname FROM pg_class WHERE relrowsecurity"):
        await owner.execute(f"ALTER TABLE {table['relname']} DISABLE ROW LEVEL SECURITY")
    # The view that shows a county its own calls to the registry is a wall of the database as well.
    await owner.execute(
        "CREATE OR REPLACE VIEW registry_event WITH (security_barrier = false) AS"
        " SELECT id, kind, state, attempts, last_error, created_at, run_at, finished_at,"
        " payload ->> 'county_code' AS county_code, (payload ->> 'decision_id')::uuid AS decision_id FROM job"
        " WHERE kind LIKE 'registry.%'"
    )
    await owner.close()
    async with running("roster", urls) as service:
        yield replace(furnished, service=service)
    await empty.drop(urls)


async def _copy(empty: Template, source: Urls) -> Urls:
    """A copy of a database in use: its connections are closed first, and come back by themselves."""
    name = source.app.rpartition("/")[2]
    admin = await asyncpg.connect(plain(empty.admin_url))
    try:
        for _ in range(20):
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            with suppress(asyncpg.ObjectInUseError):
                return await empty.clone(source)
            await asyncio.sleep(0.05)
    finally:
        await admin.close()
    raise AssertionError(f"{name} is never left alone")


# What is compiled once, with its filter.
COMPILED = (
    read_now._shown,
    read_now._shown_alone,
    read_now._page,
    read_now._roster,
    review_entry._to_write_on,
    choosing._led_to,
    searching._choice,
    searching._counting,
)


@pytest.fixture
def without_filters() -> Iterator[None]:
    """The service asks for everybody's rows."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in FILTERS:
            assert callable(getattr(module, name))
            patch.setattr(module, name, lambda _principal: ())
        patch.setattr(read_now, "own", lambda _county_code: read_now.COUNTY.is_not(None))
        patch.setattr(choosing, "own", lambda _of, _org_type: choosing.ORG.is_not(None))
        _forget()
        yield
    _forget()


def _forget() -> None:
    for statement in COMPILED:
        statement.cache_clear()


def test_every_walled_operation_is_asked() -> None:
    assert len(WALLED) >= 20
    assert {operation.name for operation in WALLED} >= {
        "get_submission", "list_rosters", "get_roster", "list_entries", "get_entry", "explain_entry_hints",
        "get_entry_contact", "list_batches", "get_batch", "list_results", "search_results", "list_result_entries",
        "open_roster", "review_entries", "review_entry", "submit_batch", "transfer_entry", "recall_batch",
        "return_batch", "decide_batch", "list_registry_events", "replay_registry_event", "correct_roster",
        "withdraw_roster", "list_roster_versions", "list_roster_history", "list_entry_history", "get_deferment",
        "list_deferment_history", "list_cases", "get_case", "confirm_annotation",
        "withdraw_case", "withdraw_notice", "withdraw_trained", "list_reports", "get_report", "get_report_file",
    }  # fmt: skip


@pytest.mark.parametrize("operation", WALLED, ids=str)
async def test_the_filter_alone_hides(defenceless: World, operation: Operation) -> None:
    assert await hide_from_others(defenceless, operation, fixtures.ROWS[operation.name])


@pytest.mark.usefixtures("without_filters")
@pytest.mark.parametrize("operation", WALLED, ids=str)
async def test_row_level_security_alone_hides(furnished: World, operation: Operation) -> None:
    assert await hide_from_others(furnished, operation, fixtures.ROWS[operation.name])


@pytest.mark.usefixtures("without_filters")
@pytest.mark.parametrize("operation", WALLED, ids=str)
async def test_without_either_the_same_question_is_answered(defenceless: World, operation: Operation) -> None:
    """The control."""
    with pytest.raises(AssertionError, match=rf"^{operation} by "):
        await hide_from_others(defenceless, operation, fixtures.ROWS[operation.name])
