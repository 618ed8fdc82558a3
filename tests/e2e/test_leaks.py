"""A planted national ID is found nowhere but where it belongs; a planted leak is found.

What belongs: the registry's own store, whoever may see whole IDs, the sealed columns (which is why nothing is found in
them) and, for an ID that somebody wrote into free text, the very column that keeps that text.
"""

import asyncio
from email.message import EmailMessage

import aiosmtplib
import pytest

from local.databases import plain
from local.stack import Stack
from roster.intake import service as intake
from shared import crypto, jobs, logs
from tests.roster.intake_corpus.files import student, to_csv
from tests.support import leak_mishaps, rosters
from tests.support.leak_story import Story
from tests.support.leaks import FORMS, Place, cluster, everywhere, planted, search, tables
from tests.support.rosters import NTU, County
from tests.support.services import running
from tests.support.suite import SERVICES, ask
from tests.support.tokens import key

pytestmark = [pytest.mark.xdist_group("suite"), pytest.mark.timeout(300)]

# Where the roster service keeps what people write, as they wrote it.
WRITTEN = {
    f"roster.{column}"
    for column in (
        "school_contact.name", "entry.name", "entry.village", "entry.department", "entry.student_no",
        "entry.moi_approval_no", "entry.remarks", "entry.officer_draft", "entry.approver_draft",
        "batch_entry.officer_draft", "batch_entry.approver_draft", "batch_entry.reason", "batch.return_reason",
        "decision.decision_number", "decision.annotation_text", "decision.review_remarks", "decision.reason",
        "decision.override_reason", "deferment.decision_number", "deferment.summary", "deferment_change.summary",
        "deferment_change.decision_number",
        # What rows were before: the same words, as sealed as they were there.
        "history.body",
    )
}  # fmt: skip


@pytest.fixture(scope="module")
async def story(suite: Stack) -> Story:
    """What people and machines did, told once."""
    told = Story(suite)
    await told.begin()
    try:
        await told.reference()
        await told.refused_files()
        await told.naughty_requests()
        await told.log_ins()
        await leak_mishaps.through_the_review(told)
        await leak_mishaps.registry_and_worker_fail(told)
        await leak_mishaps.rows_that_cannot_be(told)
        await leak_mishaps.database_stops(told)
    finally:
        await told.end()
    return told


@pytest.fixture(scope="module")
async def places(suite: Stack, story: Story) -> list[Place]:
    """Everywhere one can look afterwards."""
    return [*await everywhere(suite), *story.answers]


async def test_a_national_id_is_found_nowhere(suite: Stack, story: Story, places: list[Place]) -> None:
    assert story.statuses >= {200, 201, 400, 401, 403, 404, 405, 412, 415, 422, 500, 503}
    assert len(story.stated) > 200
    looked_at = {place.name for place in places}
    assert {f"file log/{name}.log" for name in suite.pids} <= looked_at
    assert {"roster.job.payload", "roster.idempotency_key.response", "roster.entry.national_id", "mail"} <= looked_at
    # The failures that tell most were there, told with a traceback that names classes and places only.
    assert "CheckViolation" in suite.log("roster")
    assert "FieldKeyError" in suite.log("roster")
    assert "FieldKeyError" in suite.log("roster-worker")
    assert search(story.stated, places) == {}
    # On the disk as well: a sealed column is sealed in the write-ahead log too.
    raw = await asyncio.to_thread(list, cluster(suite.root))
    assert sum(len(place.content) for place in raw) > 16_000_000
    assert search(story.stated, raw) == {}


def test_what_people_wrote_is_kept_where_they_wrote_it_and_nowhere_else(story: Story, places: list[Place]) -> None:
    assert set(search(story.written, places)) == WRITTEN


async def test_the_search_finds_what_is_planted_in_the_suite(suite: Stack, story: Story) -> None:
    leaked = planted(900)
    with (suite.root / "log" / "roster.log").open("a") as log:
        log.write(f'{{"event": "request", "path": "/roster/v1/rosters/{leaked}"}}\n')
    await ask(suite.admin_url, f"DO $$ BEGIN RAISE LOG 'duplicate key ({leaked})'; END $$")
    for name in SERVICES:
        await ask(
            suite.database_url(name),
            "INSERT INTO job (kind, payload, priority, run_at, max_attempts, state)"
            " VALUES ('leak', jsonb_build_object('data', jsonb_build_array($1::text)), 1, now(), 1, 'done')",
            leaked,
        )
    await ask(
        suite.database_url("roster"),
        "INSERT INTO idempotency_key (sub, route, key, request_hash, status, headers, response)"
        " VALUES ('x', 'x', 'x', '', 200, '{}', $1)",
        leaked.lower().encode(),
    )
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.test", "b@example.test", "x"
    mail.set_content(f"字號 {leaked}", cte="base64")
    await aiosmtplib.send(mail, hostname="127.0.0.1", port=suite.ports["smtp"])
    found = search([leaked], await everywhere(suite))
    assert set(found) == {
        "file log/roster.log", "file log/postgres.log", "file mail.jsonl", "mail",
        *(f"{name}.job.payload" for name in SERVICES), "roster.idempotency_key.response",
    }  # fmt: skip
    assert any(name.startswith("file pg/pg_wal/") for name in search([leaked], cluster(suite.root)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", ["", "x", "xy", '{"id": "'])
def test_every_writing_of_an_id_is_recognised(form: str, before: str) -> None:
    leaked = planted(7)
    text = FORMS[form](leaked)
    assert list(search([planted(8), leaked], [Place("here", before.encode() + text)])) == ["here"]
    assert search([planted(8)], [Place("here", text)]) == {}
    assert search([leaked], [Place("here", FORMS[form]("Q19****789"))]) == {}


# -- a service with a hole in it is caught ------------------------------------------------------------------------


def _jobs_with_ids(patch: pytest.MonkeyPatch) -> None:
    async def queue(session, kind, items, **how):
        await plain_queue(session, kind, [(name, {**payload, "man": planted(1)}) for name, payload in items], **how)

    plain_queue = jobs.enqueue_many
    patch.setattr(jobs, "enqueue_many", queue)


def _logs_with_ids(patch: pytest.MonkeyPatch) -> None:
    async def submit(session, sender, posted):
        logs.get("roster").info("taken", first_row=str(posted.read.rows))
        return await plain_submit(session, sender, posted)

    plain_submit = intake.submit
    patch.setattr(intake, "submit", submit)


def _unmasked_logs(patch: pytest.MonkeyPatch) -> None:
    _logs_with_ids(patch)
    patch.setattr(logs, "mask_ids_in", str)


def _unsealed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(crypto.KeyRing, "encrypt", lambda _ring, value, _context: value)
    patch.setattr(crypto.KeyRing, "decrypt", lambda _ring, value, _context: value)


def _unmasked_cells(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("roster.intake.faults.mask_id", str)


@pytest.mark.parametrize(
    ("hole", "seen_in"),
    [
        (None, set()),
        (_jobs_with_ids, {"roster.job.payload"}),
        # The mask of the log is the wall behind a careless line: with it nothing comes out, without it all.
        (_logs_with_ids, set()),
        (_unmasked_logs, {"log"}),
        (_unsealed, {"roster.entry.national_id"}),
        (_unmasked_cells, {"answer"}),
    ],
)
async def test_a_hole_is_found(roster_urls, monkeypatch, tmp_path, capsys, hole, seen_in) -> None:
    rosters.set_today(monkeypatch, tmp_path)
    if hole is not None:
        hole(monkeypatch)
    async with running("roster", roster_urls, log_level="INFO") as service:
        county: County = await rosters.county(service)
        good = student(1, birth_date="2006-03-04", national_id=planted(1), student_no="B1")
        faulty = student(2, national_id=planted(2, right=False))
        taken = await county.post([good])
        entries = await county.entries(taken["63000"])
        assert entries[0]["national_id"] == planted(1)
        refused = await service.http.post(
            "/roster/v1/submissions?kind=application&academic_year=115&term=1",
            content=to_csv([faulty]).encode(),
            headers={**NTU, **key(), "Content-Type": "text/csv"},
        )
        assert refused.status_code == 422
        places = [place async for place in tables("roster", plain(roster_urls.owner))]
    places += [Place("log", capsys.readouterr().out.encode()), Place("answer", refused.content)]
    assert set(search([planted(1), planted(2, right=False)], places)) == seen_in
