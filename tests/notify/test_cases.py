"""Who is told of what no school files: the county of a filing, its filer of the decision (RO-70 to RO-72, NO-02)."""

import pytest

from notify.events import CASES
from roster.intake.rules import CaseKind
from tests.notify.support import account, batch, case_event, event, known, send
from tests.notify.test_inbox import person, read

PEOPLE = {
    "officer": ("case_officer", "county:63000"),
    "township": ("township", "township:63000030"),
    "authority": ("education_authority", "education_authority:63000"),
}
ELSEWHERE = {
    "officer-2": ("case_officer", "county:65000"),
    "township-2": ("township", "township:63000010"),
    "authority-2": ("education_authority", "education_authority:65000"),
    "school": ("school", "school:0003"),
}


@pytest.mark.rule("NO-02", "NO-04")
@pytest.mark.parametrize(
    ("act", "told", "title", "opens"),
    [
        ("case.filed", "officer", "【急件】臺北市大安區公所送收受徵集令後之學校證明書 1 人", "/roster/v1/rosters/"),
        ("case.decided", "township", "核准 45 人、不核准 3 人", "/roster/v1/cases"),
        ("notice.decided", "authority", "核准 45 人、不核准 3 人", "/roster/v1/cases"),
        ("training_list.forwarded", "township", "3 人，請註記", "/roster/v1/cases?scope=to_annotate"),
    ],
)
async def test_only_who_is_concerned_finds_it(notify, act, told, title, opens) -> None:
    people = PEOPLE | ELSEWHERE
    await known(notify, *(account(sub, role, org) for sub, (role, org) in people.items()))
    answer = await send(notify, case_event(act))
    assert answer.status_code == 202, answer.text
    for sub, (role, org) in people.items():
        items = (await read(notify, who=person(sub, role, org)))["items"]
        assert len(items) == (sub == told), sub
        if items:
            assert title in items[0]["title"]
            assert items[0]["concerns"]["href"].startswith(opens)
            shown = await read(notify, f"/{items[0]['id']}", person(sub, role, org))
            assert "None" not in shown["text"] + shown["text_en"]


@pytest.mark.rule("NO-05")
@pytest.mark.parametrize("kind", ["submitted", "recalled", "returned"])
async def test_approvers_and_officers_read_who_filed(notify, kind) -> None:
    """Without a school the words name the filer, and no code of a school that is not there."""
    await known(notify, account("a", "approver"), account("c", "case_officer"))
    of = {"submitted": "approver", "recalled": "approver", "returned": "case_officer"}[kind]
    more = {"headcount": 1} if kind != "returned" else {"entry_count": 1, "whole": False, "reason": "請查明"}
    data = batch(school_name="臺北市大安區公所", **more)
    del data["school_code"]
    assert (await send(notify, event(kind, data))).status_code == 202
    (item,) = (await read(notify, who=person(of[0], of)))["items"]
    shown = await read(notify, f"/{item['id']}", person(of[0], of))
    assert "送件單位：臺北市大安區公所" in shown["text"]
    assert "Filed by: 臺北市大安區公所" in shown["text_en"]
    assert "None" not in shown["text"] + shown["text_en"]


def test_every_kind_of_case_that_is_filed_has_words() -> None:
    assert set(CASES) == set(CaseKind) - {CaseKind.VACATION_TRAINING}
