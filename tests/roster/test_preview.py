"""RO-53: the write-back preview says exactly what deciding then does, in our books and in the registry."""

import asyncio
from datetime import date
from random import Random
from typing import Any

import asyncpg
import pytest

from local.databases import plain
from roster.deferments import rules as deferment_rules
from roster.review.service import plan_batch
from tests.contracts.walls.hostile import stored
from tests.roster.intake_corpus.files import cessation, extension, national_id
from tests.roster.test_submissions import owner
from tests.support import rosters
from tests.support.registry import Registry, Worker
from tests.support.rosters import (
    APPROVER,
    DEPUTY,
    ELSEWHERE,
    NTU,
    OFFICER,
    OTHER_SCHOOL,
    County,
    men,
)
from tests.support.soak import examples

REGISTRYS = (
    "county_code", "school_code", "decision_number", "issued_on", "deferment_from", "deferment_until", "summary",
    "revoked_on", "revoked_for", "liable_for_induction",
)  # fmt: skip
BORN = {"birth_date": "2006-03-04"}
REJECTED = {
    "decision": "rejected",
    "ground": "enrolment_not_recognised",
    "ground_unseen": True,
    "reason": "經函查，學籍已註銷。",
}


async def previewed(county: County, batch_id: str, who: dict[str, str] = OFFICER, limit: int = 3) -> dict[str, Any]:
    """The whole preview, fetched page by page."""
    found: dict[str, Any] = await county.get(f"/batches/{batch_id}/preview?limit={limit}", who)
    cursor = found["next_cursor"]
    while cursor:
        page = await county.get(f"/batches/{batch_id}/preview?limit={limit}&cursor={cursor}", who)
        assert {k: v for k, v in page.items() if k not in ("items", "next_cursor")} == {
            k: v for k, v in found.items() if k not in ("items", "next_cursor")
        }
        found["items"] += page["items"]
        cursor = page["next_cursor"]
    return found


def fields(item: dict[str, Any], side: str) -> dict[str, Any]:
    return {field["field"]: field[side] for field in item["annotation"]["fields"]}


def changes(item: dict[str, Any]) -> dict[str, str]:
    return {field["field"]: field["change"] for field in item["annotation"]["fields"]}


async def decide(county: County, batch: dict[str, Any]) -> Any:
    return await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])


async def done(county: County, rows: list[Any], kind: str = "application") -> None:
    """A roster of clean men, decided."""
    roster_id, _ = await county.opened(rows, kind=kind)
    await county.approve_clean(roster_id)
    await decide(county, await county.submit(roster_id))


async def up(county: County, rows: list[Any], kind: str, draft: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A roster whose men all carry `draft`, submitted."""
    roster_id, entries = await county.opened(rows, kind=kind)
    for entry in entries:
        assert (answer := await county.patch(entry, draft)).status_code == 200, answer.text
    return roster_id, await county.submit(roster_id)


@pytest.mark.rule("RO-53", "RO-49")
async def test_an_extension_names_what_changes_and_what_stays(county):
    await done(county, men(1, 1))
    rows = [extension(1, **BORN, extended_until="2028-09-30")]
    _, batch = await up(county, rows, "extension", {"decision": "approved", "issued_on": "2026-10-05"})
    found = await previewed(county, batch["id"], APPROVER)
    (man,) = found["items"]
    assert (man["decision"], man["issued_on"], man["deferment_until"]) == ("approved", "2026-10-05", "2028-09-30")
    assert (man["annotation"]["action"], man["deferment"], man["national_id"]) == ("modify", "extend", national_id(1))
    assert [field for field, change in changes(man).items() if change == "changed"] == ["deferment_until", "summary"]
    assert all(change in ("changed", "kept") for change in changes(man).values())
    # The first number and date stay (已版更項目 1), the decision's own is beside them.
    assert fields(man, "after")["decision_number"] == "府兵徵字第1150000001號" != man["decision_number"]
    assert fields(man, "after")["issued_on"] == "2026-10-01"
    assert fields(man, "before")["deferment_until"] == "2028-06-30"
    assert man["township_report"]["decision_number"] == man["decision_number"]
    assert found["counts"] == {
        "entries": 1, "approved": 1, "rejected": 0, "refused": 0, "annotations_created": 0, "annotations_modified": 1,
        "annotations_untouched": 0, "liable_for_induction": 0,
    }  # fmt: skip
    assert (found["refusals"], found["next_number"], found["version"]) == ([], None, batch["version"])


@pytest.mark.rule("RO-53")
async def test_a_number_that_was_cleared_is_proposed_and_not_taken(county):
    _, batch = await up(county, men(1, 2), "application", {"decision": "approved", "decision_number": None})
    before = (await county.get("/county-settings"))["next_number"]
    found = await previewed(county, batch["id"])
    assert found["next_number"] == before
    assert [(i["decision_number"], i["number_proposed"]) for i in found["items"]] == [(before, True)] * 2
    assert all(set(changes(i).values()) == {"created"} for i in found["items"])
    assert (await county.get("/county-settings"))["next_number"] == before
    await decide(county, batch)
    entries = await county.entries(batch["roster_id"])
    assert {entry["decision"]["decision_number"] for entry in entries} == {before}


@pytest.mark.rule("RO-53")
async def test_looking_changes_nothing(county):
    _, batch = await county.up(3)
    # The legal tests ran on the day that is today here; otherwise they are run again for looking, which is on record.
    connection = await asyncpg.connect(plain(county.service.urls.owner))
    await connection.execute("UPDATE entry SET judged_at = '2026-10-01T09:00:00+08'")
    await connection.close()
    before = await stored(county.service)
    answer = await county.call("GET", f"/batches/{batch['id']}/preview", APPROVER)
    assert (answer.status_code, answer.headers["etag"]) == (200, f'"{batch["version"]}"')
    assert await stored(county.service) == before
    await decide(county, batch)


@pytest.mark.rule("RO-53")
async def test_looking_waits_for_nobody_and_holds_nobody_up(county):
    """The officer has the roster in hand; the preview is read beside him, and he goes on while it is read."""
    roster_id, batch = await county.up(2)
    async with county.service.database.engine.connect() as other:
        await other.exec_driver_sql("SET app.org_type = 'county'")
        await other.exec_driver_sql("SET app.org_code = '63000'")
        await other.exec_driver_sql(f"SELECT 1 FROM roster WHERE id = '{roster_id}' FOR UPDATE")
        await other.exec_driver_sql(f"SELECT 1 FROM entry WHERE roster_id = '{roster_id}' FOR UPDATE")
        await asyncio.wait_for(previewed(county, batch["id"]), 20)


@pytest.mark.rule("RO-53", "RO-26")
async def test_what_would_stop_the_decision_is_foretold_with_its_code(county, monkeypatch, tmp_path):
    """Turned 33 in 2026: from 1 January 2027 his deferment needs a reason (Art. 15-1-5). Nobody judged him again."""
    old = {"birth_date": "1993-05-05", "expected_graduation_on": "2026-12-31", "extended_until": "2026-12-31"}
    roster_id, entries = await county.opened([*men(1, 1), *men(2, 1, **old)], {3: {"birth_date": "1993-05-05"}})
    for entry in entries:
        assert (await county.patch(entry, {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster_id)
    assert (await previewed(county, batch["id"]))["refusals"] == []
    rosters.set_today(monkeypatch, tmp_path, date(2027, 1, 4))
    before = await stored(county.service)
    found = await previewed(county, batch["id"], APPROVER)
    after = await stored(county.service)
    # That hints of another day were judged anew across the walls is on record; nothing else changed.
    assert {table for table in before if before[table] != after[table]} == {"audit_entry"}
    assert [refusal["code"] for refusal in found["refusals"]] == ["not_ready"]
    assert (found["counts"]["refused"], found["counts"]["entries"]) == (1, 2)
    sound, stopped = found["items"]
    assert (sound["refusals"], sound["annotation"]["action"]) == ([], "create")
    assert (stopped["annotation"], stopped["township_report"]) == (None, None)
    told = [(stopped["row_no"], refusal["code"]) for refusal in stopped["refusals"]]
    refused = await county.call("POST", f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    assert (refused.status_code, refused.json()["code"]) == (422, "not_ready")
    assert [(e["row"], e["code"]) for e in refused.json()["errors"]] == told
    assert told[0] == (3, "override_reason_missing")


@pytest.mark.rule("RO-53", "RO-48")
async def test_who_may_look_and_what_he_is_told_of_himself(county):
    roster_id, _ = await county.opened(men(1, 1))
    await county.approve_clean(roster_id)
    batch = await county.submit(roster_id, DEPUTY)
    path = f"/batches/{batch['id']}/preview"
    assert [r["code"] for r in (await county.get(path, DEPUTY))["refusals"]] == ["four_eyes"]
    assert (await county.get(path, APPROVER))["refusals"] == []
    assert (await county.get(path, OFFICER))["refusals"] == []
    assert (await county.call("GET", path, NTU)).status_code == 403
    assert (await county.call("GET", path, ELSEWHERE)).status_code == 404
    await decide(county, batch)
    closed = await county.call("GET", path, APPROVER)
    assert (closed.status_code, closed.json()["code"], closed.json()["state"]) == (409, "batch_closed", "decided")


@pytest.mark.rule("RO-53")
async def test_a_cursor_belongs_to_its_batch_and_organisation(county):
    _, batch = await county.up(3)
    _, other = await county.up(2, 10)
    cursor = (await county.get(f"/batches/{batch['id']}/preview?limit=1"))["next_cursor"]
    stolen = await county.call("GET", f"/batches/{other['id']}/preview?cursor={cursor}", OFFICER)
    assert (stolen.status_code, stolen.json()["code"]) == (400, "cursor_invalid")


# The property: whatever the men have behind them, the preview is what deciding does.


class Story:
    """Rosters of a few men, one after the other, of two schools, each drafted at random."""

    def __init__(self, county: County, seed: int) -> None:
        self.county = county
        self.random = Random(seed)
        self.round = 0
        self.rosters: list[tuple[str, str]] = []

    async def next_batch(self) -> tuple[str, dict[str, Any]]:
        """One more roster, up for approval."""
        self.round += 1
        dice, county = self.random, self.county
        if self.round > 2 and dice.random() < 0.5 and (taken := await self._corrections()):
            return taken
        kinds = ["application", "extension", "reapplication", "cessation"]
        kind = "application" if self.round == 1 else dice.choice(kinds)
        numbers = sorted(dice.sample(range(1, 9), 8 if self.round == 1 else dice.randint(2, 6)))
        who = NTU if self.round == 1 else dice.choice([NTU, NTU, OTHER_SCHOOL])
        roster_id = (await county.post([self._row(kind, n) for n in numbers], kind, who))["63000"]
        facts = {row: self._fact() for row in range(2, 2 + len(numbers)) if dice.random() < 0.3}
        await county.answered(roster_id, facts)
        await county.do(f"/rosters/{roster_id}/open")
        for entry in await county.entries(roster_id):
            answer = await county.patch(entry, self._draft(kind))
            assert answer.status_code == 200, answer.text
        self.rosters.append((roster_id, kind))
        return roster_id, await county.submit(roster_id)

    async def _corrections(self) -> tuple[str, dict[str, Any]] | None:
        """Decisions of one of the rosters taken up to be corrected, those that nothing was built on (RO-52)."""
        roster_id, kind = self.random.choice(self.rosters)
        taken = 0
        for entry in await self.county.entries(roster_id):
            draft = self._draft(kind)
            if kind == "cessation":
                draft = {**draft, "ground": "not_conscriptable"} if draft is REJECTED else draft
            body = {"reason_for_correction": "查有錯誤。", **draft}
            path = f"/entries/{entry['id']}/correction"
            answer = await self.county.call("POST", path, OFFICER, body, entry["version"])
            assert answer.status_code in (200, 409), answer.text
            taken += answer.status_code == 200
        return (roster_id, await self.county.submit(roster_id)) if taken else None

    def _row(self, kind: str, number: int) -> dict[str, str]:
        dice, stated = self.random, {**BORN, "remarks": f"第{self.round}次"}
        if kind == "cessation":
            reasons = ["graduated", "withdrew", "on_leave", "expelled"]
            return cessation(
                number, **stated, cessation_reason=dice.choice(reasons), left_on=f"2026-{dice.randint(8, 9):02}-15"
            ) | ({"left_on": "2026-10-01"} if dice.random() < 0.7 else {})
        if kind == "extension":
            return extension(number, **stated, extended_until=f"20{dice.randint(27, 31)}-01-31")
        return men(number, 1, **stated, expected_graduation_on=f"20{dice.randint(27, 30)}-06-30")[0]

    def _fact(self) -> dict[str, Any]:
        held = {
            "decision_number": "府兵徵字第1130000042號", "issued_on": "2024-10-02", "deferment_from": "2024-10-02",
            "deferment_until": "2028-06-30", "summary": "113年10月2日核准申請緩徵",
        }  # fmt: skip
        return self.random.choice([{"status": "reservist"}, {"status": "exempted"}, {"annotation": held}])

    def _draft(self, kind: str) -> dict[str, Any]:
        dice = self.random
        if dice.random() < 0.2:
            return REJECTED
        written = {
            "decision_number": dice.choice([None, "核字第9號"]),
            "issued_on": "2026-10-08",
            "annotation_text": "依函辦理",
            "deferment_until": "2027-12-31" if kind != "cessation" else None,
        }
        some = {name: value for name, value in written.items() if dice.random() < 0.3}
        return {"decision": "approved", "override_reason": "經查明仍應核准。", **some}


def normal(annotation: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if annotation is None else {name: annotation[name] for name in REGISTRYS}


async def books(county: County) -> dict[str, dict[str, Any]]:
    """Every deferment by its id."""
    rows = await owner(
        county,
        "SELECT id::text, school_code, decision_number, deferred_until, revoked_on, ended_reason, version"
        " FROM deferment",
    )
    return {row["id"]: row for row in rows}


async def agrees(county: County, registry: Registry, worker: Worker, batch: dict[str, Any]) -> set[str]:
    """Look, decide, and hold one against the other, field by field. What was seen on the way, in words."""
    held = {man: item["annotation"] for man, item in (await registry.annotations()).items()}
    reported, books_before = len(await registry.reports()), await books(county)
    found = await previewed(county, batch["id"])
    assert (found["refusals"], found["counts"]["refused"]) == ([], 0)
    decided = await decide(county, batch)
    await worker.settle()
    told, books_after = await registry.annotations(), await books(county)
    reports = {report["data"]["national_id"]: report["data"] for report in (await registry.reports())[reported:]}
    entries = {entry["id"]: entry for entry in await county.entries(batch["roster_id"])}
    rows = await owner(
        county,
        "SELECT d.entry_id::text, c.* FROM decision d LEFT JOIN deferment_change c ON c.decision_id = d.id"
        " AND c.deferment_id = d.deferment_id WHERE d.batch_id = $1::text::uuid",
        batch["id"],
    )
    history = {row["entry_id"]: row for row in rows}
    assert set(history) == {item["entry_id"] for item in found["items"]}
    ended: set[tuple[str, str, date, str]] = set()
    for item in found["items"]:
        man, entry, change = item["national_id"], entries[item["entry_id"]], history[item["entry_id"]]
        decision = entry["decision"]
        for name in ("decision", "decision_number", "issued_on", "deferment_until"):
            assert item[name] == decision[name], (name, man)
        assert item["annotation"]["action"] == decision["annotation_action"]
        # What the registry held before is what is shown, and what it holds now is what was foretold.
        before = normal(held.get(man))
        after = normal(told[man]["annotation"]) if man in told else None
        if before is not None:
            assert fields(item, "before") == before
        assert fields(item, "after") == (after or {}) or item["annotation"]["action"] == "none"
        if item["annotation"]["action"] == "none":
            assert after == before
            assert "changed" not in changes(item).values()
        for name, kind in changes(item).items():
            assert (kind == "kept") is (before is not None and before[name] == (after or before)[name]) or not before
        assert item["township_report"] == reports[man]
        assert (item["deferment"] == "none") is (change["deferment_id"] is None)
        if change["annotation_action"] in ("create", "modify"):
            after_fields = fields(item, "after")
            assert after_fields["summary"] == change["summary"]
            assert after_fields["deferment_until"] == change["until_after"].isoformat()
            assert after_fields["liable_for_induction"] == change["liable_for_induction"]
        ended |= {
            (one["school_code"], one["decision_number"], one["revoked_on"], one["ended_reason"]) for one in item["ends"]
        }
    changed = {id_ for id_, row in books_after.items() if row != books_before.get(id_)}
    aside = changed - {str(row["deferment_id"]) for row in history.values()}
    restored = [(one["school_code"], one["decision_number"]) for item in found["items"] for one in item["restores"]]
    again = [books_after[id_] for id_ in aside if books_after[id_]["revoked_on"] is None]
    assert sorted(restored) == sorted((row["school_code"], row["decision_number"]) for row in again)
    aside -= {row["id"] for row in again}
    assert ended == {
        (row["school_code"], row["decision_number"], row["revoked_on"].isoformat(), row["ended_reason"])
        for row in (books_after[id_] for id_ in aside)
    }
    assert (found["counts"]["approved"], found["counts"]["rejected"]) == (decided["approved"], decided["rejected"])
    seen = {f"{item['annotation']['action']} {item['annotation']['why']}" for item in found["items"]}
    seen |= {"corrects" for item in found["items"] if (item["township_report"] or {})["corrects_number"]}
    return seen | ({"ends another"} if ended else set()) | ({"restores another"} if restored else set())


@pytest.mark.rule("RO-53", "RO-49")
@pytest.mark.soak
@pytest.mark.parametrize("seed", range(examples(2, 4)))
async def test_the_preview_is_what_deciding_does(county, registry, worker, seed):
    story, seen = Story(county, seed), set[str]()
    for _ in range(8):
        _, batch = await story.next_batch()
        seen |= await agrees(county, registry, worker, batch)
    # A story in which nothing happens would prove nothing.
    assert {"create None", "modify None", "none rejected", "ends another", "corrects"} <= seen, seen


@pytest.mark.rule("RO-53")
async def test_a_preview_of_its_own_reckoning_would_be_caught(county, registry, worker, monkeypatch):
    """The negative control: the preview forgets that an extension never shortens; deciding does not."""
    await done(county, men(1, 1))
    await worker.settle()
    rows = [extension(1, **BORN, extended_until="2027-01-31")]
    _, batch = await up(county, rows, "extension", {"decision": "approved"})
    sound = plan_batch.plan

    def twin(*facts: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deferment_rules, "max", min, raising=False)
            return sound(*facts)

    monkeypatch.setattr("roster.review.service.preview.plan_batch.plan", twin)
    found = await previewed(county, batch["id"])
    monkeypatch.setattr("roster.review.service.preview.plan_batch.plan", sound)
    assert fields(found["items"][0], "after")["deferment_until"] == "2027-01-31"

    async def lying(*_: Any, **__: Any) -> Any:
        return found

    monkeypatch.setitem(globals(), "previewed", lying)
    with pytest.raises(AssertionError, match="2028-06-30"):
        await agrees(county, registry, worker, batch)
