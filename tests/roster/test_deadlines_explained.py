"""RO-63: every deadline explains itself: the chain of dates, the shift from a rest day, each step's article."""

from datetime import date

import asyncpg
import pytest

from local.databases import plain
from roster.intake.deadlines import cessation_deadline, roster_deadline
from roster.intake.rules import CessationReason, RosterKind
from shared.calendar import WorkingCalendar
from shared.deadlines import DeadlineOut
from tests.support.rosters import ADMIN, ELSEWHERE, NTU, OFFICER, OTHER_SCHOOL, County, men

pytestmark = pytest.mark.rule("RO-63", "RO-36")

CALENDAR = WorkingCalendar()


def told(deadline) -> list[tuple[str, str | None]]:
    """Day and article of each step."""
    return [(s.day.isoformat(), s.citation.text if s.citation else None) for s in DeadlineOut.of(deadline).steps]


# The vectors of spec/roster.md RO-36, with the chain that leads there.
VECTORS = [
    (
        RosterKind.APPLICATION,
        date(2026, 9, 18),
        [
            ("2026-09-18", "免役禁役緩徵緩召實施辦法第11條第1項"),
            ("2026-09-19", "行政程序法第48條第2項"),
            ("2026-10-18", "行政程序法第48條第3項"),
            ("2026-10-19", "行政程序法第48條第4項"),
        ],
    ),
    (
        RosterKind.EXTENSION,
        date(2026, 8, 31),
        [
            ("2026-08-31", "免役禁役緩徵緩召實施辦法第14條第1項"),
            ("2026-09-01", "行政程序法第48條第2項"),
            ("2026-09-30", "行政程序法第48條第3項"),
        ],
    ),
    (
        RosterKind.REAPPLICATION,
        date(2026, 1, 30),
        [
            ("2026-01-30", "免役禁役緩徵緩召實施辦法第14條第3項"),
            ("2026-01-31", "行政程序法第48條第2項"),
            ("2026-02-28", "行政程序法第48條第3項"),
            ("2026-03-02", "行政程序法第48條第4項"),
        ],
    ),
]


@pytest.mark.parametrize("kind, registration, chain", VECTORS)
def test_a_rosters_chain(kind, registration, chain):
    deadline = roster_deadline(kind, registration, CALENDAR)
    assert deadline is not None
    assert told(deadline) == chain
    assert deadline.due.isoformat() == chain[-1][0]


@pytest.mark.parametrize(
    "reason, article",
    [
        (CessationReason.WITHDREW, "免役禁役緩徵緩召實施辦法第16條第2項"),
        (CessationReason.EXPERIMENTAL_LEFT, "免役禁役緩徵緩召實施辦法第16條第3項"),
    ],
)
def test_the_chain_of_one_who_left(reason, article):
    """左 2026-06-30 + 30 days → 2026-07-30."""
    assert told(cessation_deadline(reason, date(2026, 6, 30), CALENDAR)) == [
        ("2026-06-30", article),
        ("2026-07-01", "行政程序法第48條第2項"),
        ("2026-07-30", "行政程序法第48條第2項"),
    ]


async def test_a_roster_explains_the_day_it_was_due(county):
    roster_id = (await county.post(men(1, 1)))["63000"]
    for who in (OFFICER, NTU):
        plain_one = await county.get(f"/rosters/{roster_id}", who)
        assert plain_one["deadline_explained"] is None
        why = (await county.get(f"/rosters/{roster_id}?explain=true", who))["deadline_explained"]
        assert why["due"] == plain_one["deadline"] == "2026-10-19"
        assert (why["start"], why["nominal_end"], why["provisional"]) == ("2026-09-18", "2026-10-18", False)
        assert [(s["day"], (s["citation"] or {}).get("article")) for s in why["steps"]] == [
            ("2026-09-18", "11-1"), ("2026-09-19", "48-2"), ("2026-10-18", "48-3"), ("2026-10-19", "48-4"),
        ]  # fmt: skip
        assert why["steps"][3]["text"] == "115年10月18日（星期日）為休息日，順延至次一上班日115年10月19日"
        (entry,) = await county.entries(roster_id, who)
        assert (await county.get(f"/entries/{entry['id']}?explain=true", who))["deadline_explained"] == why
    for who in (ELSEWHERE, OTHER_SCHOOL):
        for path in (f"/rosters/{roster_id}", f"/entries/{entry['id']}"):
            assert (await county.call("GET", f"{path}?explain=true", who)).status_code == 404


async def test_what_is_moved_afterwards_changes_no_explanation(county):
    """A deadline moved later makes nobody late, or in time (RO-28), and the chain stays the one that it was."""
    roster_id, _ = await county.opened(men(1, 1))
    before = (await county.get(f"/rosters/{roster_id}?explain=true"))["deadline_explained"]
    moved = await county.service.http.put(
        "/roster/v1/terms/115/1", json={"registration_deadline": "2026-08-31"}, headers=ADMIN
    )
    assert moved.status_code == 200
    assert (await county.get(f"/rosters/{roster_id}?explain=true"))["deadline_explained"] == before
    # A roster that comes now is counted from the new day.
    new = (await county.post(men(2, 1)))["63000"]
    after = (await county.get(f"/rosters/{new}?explain=true"))["deadline_explained"]
    assert (after["start"], after["due"]) == ("2026-08-31", "2026-09-30")
    # As it stood then is explained too.
    instant = (await county.get(f"/rosters/{roster_id}/history"))["items"][0]["at"].replace("+", "%2B")
    then = await county.get(f"/rosters/{roster_id}?explain=true&as_of={instant}")
    assert then["deadline_explained"] == before


async def test_of_a_cessation_each_man_has_his_own(county):
    rows = [
        *men(1, 1, cessation_reason="withdrew", left_on="2026-09-10", enrolled_on="2024-09-01"),
        *men(2, 1, cessation_reason="on_leave", left_on="2026-09-21", enrolled_on="2024-09-01"),
        *men(3, 1, cessation_reason="graduated", left_on="2026-06-30", enrolled_on="2024-09-01"),
    ]
    roster_id = (await county.post(rows, kind="cessation"))["63000"]
    # The roster's is that of the man who left first: 2026-10-10 is a Saturday and National Day, made up on the 9th.
    assert (await county.get(f"/rosters/{roster_id}?explain=true"))["deadline_explained"]["due"] == "2026-10-12"
    found = []
    for entry in await county.entries(roster_id):
        why = (await county.get(f"/entries/{entry['id']}?explain=true"))["deadline_explained"]
        found.append(why and (why["start"], why["nominal_end"], why["due"]))
    assert found == [("2026-09-10", "2026-10-10", "2026-10-12"), ("2026-09-21", "2026-10-21", "2026-10-21"), None]


async def test_a_roster_from_before_chains_were_kept_says_nothing_rather_than_something_else(county):
    roster_id = (await county.post(men(1, 1)))["63000"]
    owner = await asyncpg.connect(plain(county.service.urls.owner))
    await owner.execute("UPDATE roster SET deadline_chain = NULL")
    await owner.close()
    told = await county.get(f"/rosters/{roster_id}?explain=true")
    assert (told["deadline"], told["deadline_explained"]) == ("2026-10-19", None)


async def test_whoever_is_handed_on_keeps_his_chain(county):
    roster_id, (entry,) = await county.opened(men(1, 1))
    body = {"county_code": "65000", "township_code": "65000010", "reason": "設籍新北市"}
    handed = await county.do(f"/entries/{entry['id']}/transfer", body=body, seen=entry["version"])
    there = await county.get(f"/entries/{handed['new_entry_id']}?explain=true", ELSEWHERE)
    here = await county.get(f"/rosters/{roster_id}?explain=true")
    assert there["deadline_explained"] == here["deadline_explained"] is not None


async def test_a_school_sees_beforehand_when_rosters_are_due(county: County):
    (term,) = (await county.get("/terms", NTU))["items"]
    assert term["roster_due"] is None
    (term,) = (await county.get("/terms?explain=true", NTU))["items"]
    assert (term["registration_deadline"], term["roster_due"]["due"]) == ("2026-09-18", "2026-10-19")
