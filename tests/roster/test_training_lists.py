"""RO-72, Art. 16-1: the county lists who finished vacation training, revokes, and the township annotates."""

from typing import Any

import asyncpg
import pytest

from local.databases import plain
from tests.roster.intake_corpus.files import national_id
from tests.support import cases
from tests.support.cases import OTHER_TOWNSHIP, TOWNSHIP, codes, decided, granted, opened, trained
from tests.support.rosters import APPROVER, DEPUTY, NTU, OFFICER, County

pytestmark = pytest.mark.rule("RO-72")


async def listed(county: County, *men: dict[str, Any]) -> str:
    told = await county.do("/cases/training-lists", OFFICER, {"men": list(men)})
    (roster,) = told["rosters"]
    assert (roster["deadline"], told["school_code"]) == (None, None)
    found: str = roster["id"]
    return found


async def test_the_list_revokes_and_the_township_annotates(county: County, worker, registry) -> None:
    """應將相關名冊轉知鄉(鎮、市、區)公所註記於戶役政資訊系統，同時廢止已核准之緩徵."""
    men = [national_id(1), national_id(2)]
    await registry.knows(*({"national_id": man} for man in men))
    for number in (1, 2):
        await granted(county, number)
    await worker.settle(["registry.annotate"])
    before = await registry.annotations()
    roster_id = await listed(
        county, trained(1), trained(2, "trained_replacement", days_in_camp=31, township_code="63000010")
    )
    # By now the registry has them in the reserve: a cessation may pass (RO-30).
    entries = await opened(county, roster_id, {"status": "reservist"})
    assert [codes(entry) for entry in entries] == [["cessation_not_liable"], []]
    for entry in entries:
        assert (await county.patch(entry, {"decision": "approved"})).status_code == 200
    assert (await county.get("/cases?scope=to_annotate", TOWNSHIP))["items"] == []
    batch = await county.submit(roster_id)
    preview = await county.get(f"/batches/{batch['id']}/preview")
    assert {one["annotation"]["why"] for one in preview["items"]} == {"township_annotates"}
    assert (preview["counts"]["annotations_modified"], preview["counts"]["liable_for_induction"]) == (0, 0)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    # Revoked at the same time, at whatever school.
    for entry, reason in zip(entries, ("trained_to_reserve", "trained_replacement"), strict=True):
        ended = (await county.get(f"/entries/{entry['id']}"))["latest_deferment"]
        assert (ended["school_code"], ended["revoked_on"], ended["ended_reason"]) == ("0003", "2026-09-04", reason)
    # The annotation is the township's; the township report tells it (RO-51), and we write none.
    await worker.settle(["registry.annotate", "registry.township_report"])
    assert await registry.annotations() == before
    reported = [one["data"] for one in await registry.reports() if one["data"]["kind"] == "cessation"]
    assert {(one["household_township_code"], one["revoked_on"]) for one in reported} == {
        ("63000030", "2026-09-04"),
        ("63000010", "2026-09-04"),
    }
    # Each township sees its own, and confirms them once.
    (mine,) = (await county.get("/cases?scope=to_annotate", TOWNSHIP))["items"]
    (theirs,) = (await county.get("/cases?scope=to_annotate", OTHER_TOWNSHIP))["items"]
    assert (mine["case_kind"], mine["cessation_reason"], mine["days_in_camp"]) == (
        "vacation_training", "trained_to_reserve", None,
    )  # fmt: skip
    assert (theirs["cessation_reason"], theirs["days_in_camp"]) == ("trained_replacement", 31)
    assert (await county.call("POST", f"/cases/{theirs['id']}/annotation", TOWNSHIP)).status_code == 404
    done = await county.do(f"/cases/{mine['id']}/annotation", TOWNSHIP)
    assert done["annotated_at"] is not None
    again = await county.call("POST", f"/cases/{mine['id']}/annotation", TOWNSHIP)
    assert (again.status_code, again.json()["code"]) == (409, "annotated_already")
    assert (await county.get("/cases?scope=to_annotate", TOWNSHIP))["items"] == []
    # The county sees whose annotation is still to come.
    (open_one,) = (await county.get("/cases?scope=to_annotate", OFFICER))["items"]
    assert (open_one["id"], open_one["annotated_at"]) == (theirs["id"], None)


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"reason": "trained_replacement", "days_in_camp": 30}, "days_in_camp_too_few"),
        ({"reason": "trained_replacement"}, "days_in_camp_too_few"),
        ({"days_in_camp": 60}, "days_not_asked"),
    ],
)
async def test_thirty_days_are_not_more_than_thirty(county: County, changes: dict[str, Any], code: str) -> None:
    """停止訓練時在營時間逾三十日，以已訓補充兵列管."""
    refused = await county.call("POST", "/cases/training-lists", OFFICER, {"men": [trained(1, **changes)]})
    (fault,) = refused.json()["errors"]
    assert (refused.status_code, fault["code"], fault["pointer"]) == (422, code, "/men/0/days_in_camp")
    if code == "days_in_camp_too_few":
        assert "免役禁役緩徵緩召實施辦法第16條之1第2款" in fault["message"]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("days_in_camp = 30", "ck_case_file_days"),
        ("annotated_at = now()", "ck_case_file_annotated"),
        ("order_on = now()", "ck_case_file_order"),
        ("relation = 'student'", "ck_case_file_certificate"),
    ],
)
async def test_the_database_repeats_the_law(county: County, change: str, check: str) -> None:
    await listed(county, trained(1, "trained_replacement", days_in_camp=31))
    owner = await asyncpg.connect(plain(county.service.urls.owner))
    try:
        with pytest.raises(asyncpg.CheckViolationError, match=check):
            await owner.execute(f"UPDATE case_file SET {change}")
    finally:
        await owner.close()


async def test_each_township_is_told_of_its_own_men(county: County) -> None:
    roster_id = await listed(county, trained(1), trained(2), trained(3, township_code="63000010"))
    await decided(county, roster_id)
    owner = await asyncpg.connect(plain(county.service.urls.owner))
    try:
        found = await owner.fetch(
            "SELECT payload->'event'->'data'->>'township_code' AS town, payload->'event'->'data'->>'headcount' AS men"
            " FROM job WHERE kind = 'event.deliver'"
            " AND payload->'event'->>'type' = 'muster.roster.training_list.forwarded.v1' ORDER BY 1"
        )
        others = await owner.fetchval(
            "SELECT count(*) FROM job WHERE payload->'event'->>'type' = 'muster.roster.batch.decided.v1'"
        )
    finally:
        await owner.close()
    assert [(row["town"], row["men"]) for row in found] == [("63000010", "1"), ("63000030", "2")]
    assert others == 0


async def test_every_fault_of_the_list_is_named(county: County) -> None:
    men = [
        trained(1, township_code="65000010"),
        trained(2, township_code="99999999"),
        trained(3, ended_on="2026-10-02"),
        trained(4),
        trained(4),
    ]
    refused = await county.call("POST", "/cases/training-lists", OFFICER, {"men": men})
    assert {(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]} == {
        ("/men/0/township_code", "not_your_household"),
        ("/men/1/township_code", "township_unknown"),
        ("/men/2/ended_on", "left_in_future"),
        ("/men/4/national_id", "national_id_repeated"),
    }
    assert (await county.get("/cases"))["items"] == []


@pytest.mark.rule("RO-09")
async def test_a_man_listed_by_mistake_is_taken_back(county: County) -> None:
    roster_id = await listed(county, trained(1), trained(2))
    first, second = await county.entries(roster_id)
    assert (await county.do(f"/cases/training-lists/{first['id']}/withdrawal", OFFICER))["state"] == "withdrawn"
    (entry,) = [one for one in await opened(county, roster_id) if one["state"] == "in_review"]
    assert entry["id"] == second["id"]


async def test_nobody_decides_the_list_he_submitted(county: County) -> None:
    roster_id = await listed(county, trained(1))
    (entry,) = await opened(county, roster_id)
    assert "no_active_deferment" in codes(entry)
    assert (await county.patch(entry, {"decision": "approved"})).status_code == 200
    batch = await county.submit(roster_id, DEPUTY)
    refused = await county.call("POST", f"/batches/{batch['id']}/decide", DEPUTY, seen=batch["version"])
    assert (refused.status_code, refused.json()["code"]) == (403, "four_eyes")


async def test_a_rejected_man_is_not_annotated(county: County) -> None:
    roster_id = await listed(county, trained(1))
    draft = {"decision": "rejected", "ground": "not_conscriptable", "ground_unseen": True, "reason": "非役男"}
    await decided(county, roster_id, draft)
    (told,) = (await county.get("/cases?scope=household", TOWNSHIP))["items"]
    refused = await county.call("POST", f"/cases/{told['id']}/annotation", TOWNSHIP)
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_annotate")


async def test_it_ends_experimental_deferments_too_and_the_school_hears_nothing(county: County) -> None:
    filed = await county.do("/cases", TOWNSHIP, cases.case(1, student=cases.man(1, birth_date="2006-03-04")))
    await decided(county, filed["roster_id"])
    roster_id = await listed(county, trained(1))
    (entry,) = await opened(county, roster_id)
    assert codes(entry) == []
    await county.patch(entry, {"decision": "approved"})
    batch = await county.submit(roster_id)
    await county.do(f"/batches/{batch['id']}/decide", APPROVER, seen=batch["version"])
    ended = (await county.get(f"/entries/{filed['id']}"))["latest_deferment"]
    assert (ended["revoked_on"], ended["ended_reason"]) == ("2026-09-04", "trained_to_reserve")
    assert (await county.get("/rosters", NTU))["items"] == []
