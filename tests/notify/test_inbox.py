"""The inbox: who finds what in it, in which order, and what reading does (NO-02, NO-04)."""

import uuid

import pytest

from tests.notify.support import (
    account,
    batch,
    detail,
    event,
    known,
    messages,
    roster_event,
    send,
    sql,
    told,
    work,
)
from tests.support.tokens import bearer, key

INBOX = "/notify/v1/inbox"
PLANTED = "A123456789"


def person(sub: str, role: str = "approver", org: str = "county:63000") -> dict[str, str]:
    return bearer(role, org=org, sub=sub)


ONE, TWO = person("approver1"), person("approver2")


async def read(service, path: str = "", who: dict[str, str] = ONE, **query):
    answer = await service.http.get(INBOX + path, headers=who, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(service, path: str, who: dict[str, str] = ONE, body=None):
    return await service.http.post(INBOX + path, headers=who | key(), json=body)


async def marked(service, path: str, who: dict[str, str] = ONE, body=None) -> tuple[int, int]:
    answer = await post(service, path, who, body)
    assert answer.status_code == 200, answer.text
    return answer.json()["marked"], answer.json()["unread_count"]


@pytest.fixture
async def three(notify):
    """Three notices for each of two approvers; what the first finds, newest first."""
    await known(notify, account("approver1"), account("approver2"))
    for headcount in (1, 2, 3):
        await told(notify, "submitted", headcount=headcount)
    return (await read(notify))["items"]


@pytest.mark.rule("NO-02", "NO-04")
@pytest.mark.parametrize(
    "kind, audience, title, title_en, texts",
    [
        ("submitted", "approver", "陳核 48 人，待核定", "48 for approval", ["陳核人數：48 人", "Entries: 48"]),
        ("recalled", "approver", "撤回陳核 48 人", "48 recalled", ["目前無須核定", "has recalled this batch"]),
        ("returned", "case_officer", "退回 2 人，請補正", "2 returned", ["（部分）", "Reason: 請補附畢業證書"]),
        ("decided", "school", "核准 45 人、不核准 3 人", "45 approved, 3 rejected", ["第13條第1項", "Article 13"]),
    ],
)
async def test_each_event_is_found_by_its_audience_in_both_languages(notify, kind, audience, title, title_en, texts):
    people = {
        "approver": person("a"),
        "case_officer": person("c", "case_officer"),
        "school": person("s", "school", "school:0003"),
        "elsewhere": person("e", audience, "school:0025" if audience == "school" else "county:65000"),
    }
    await known(
        notify,
        account("a"),
        account("c", "case_officer"),
        account("s", "school", "school:0003"),
        account("e", audience, "school:0025" if audience == "school" else "county:65000"),
    )
    body = await told(notify, kind)
    found = {name: await read(notify, who=who) for name, who in people.items()}
    assert {name: page["unread_count"] for name, page in found.items()} == dict.fromkeys(found, 0) | {audience: 1}
    (item,) = found[audience]["items"]
    assert title in item["title"]
    assert title_en in item["title_en"]
    assert (item["number"], item["read_at"], item["event_type"]) == (1, None, body["type"])
    shown = await read(notify, f"/{item['id']}", people[audience])
    assert {**shown, "text": "", "text_en": ""} == {**item, "text": "", "text_en": ""}
    for part in texts:
        assert part in shown["text"] + shown["text_en"]
    assert "請勿直接回覆" not in shown["text"]


@pytest.mark.rule("NO-02")
@pytest.mark.parametrize(
    "kind, who, href",
    [
        ("submitted", ONE, "/roster/v1/batches/{batch_id}"),
        # A school sees its results, and no batch.
        ("decided", person("s", "school", "school:0003"), "/roster/v1/results/{roster_id}/entries"),
    ],
)
async def test_a_notice_says_what_to_open(notify, kind, who, href):
    await known(notify, account("approver1"), account("s", "school", "school:0003"))
    data = (await told(notify, kind))["data"]
    (item,) = (await read(notify, who=who))["items"]
    members = ("roster_id", "batch_id", "county_code", "school_code", "kind", "academic_year", "term")
    assert item["concerns"] == {name: data[name] for name in members} | {"href": href.format(**data)}


@pytest.mark.rule("NO-02", "NO-04")
@pytest.mark.parametrize(
    "act, changes, title, shown, hidden",
    [
        (
            "corrected",
            {},
            "更正115學年度第1學期申請緩徵名冊（第 2 版）",
            ["變更：5 人", "Added: 2", "請重新審查"],
            "無須審查",
        ),
        ("corrected", {"opened": False}, "（第 2 版）", ["未變更：40 人", "Dropped: 1"], "請重新審查"),
        ("withdrawn", {}, "撤回115學年度第1學期申請緩徵名冊，共 48 人", ["無須審查", "Entries: 48"], "請重新審查"),
    ],
)
async def test_what_a_school_does_with_its_roster_is_told_to_the_county_s_officers(
    notify, smtp, act, changes, title, shown, hidden
):
    officer, approver = person("officer", "case_officer"), person("approver1")
    await known(notify, account("officer", "case_officer"), account("approver1"))
    body = roster_event(act, **changes)
    assert (await send(notify, body)).status_code == 202
    (item,) = (await read(notify, who=officer))["items"]
    assert title in item["title"]
    roster_id = body["data"]["roster_id"]
    assert item["concerns"]["batch_id"] is None
    assert (item["concerns"]["roster_id"], item["concerns"]["href"]) == (roster_id, f"/roster/v1/rosters/{roster_id}")
    told_text = await read(notify, f"/{item['id']}", officer)
    for part in shown:
        assert part in told_text["text"] + told_text["text_en"]
    assert hidden not in told_text["text"]
    assert (await read(notify, who=approver))["items"] == []
    assert await work(notify, smtp) == 0, "no mail"


@pytest.mark.rule("NO-02", "NO-03")
async def test_declining_mail_is_not_declining_the_inbox(notify, smtp):
    await known(notify, account("approver1", system_mail=False), account("approver2", email=None))
    await told(notify, "submitted")
    await work(notify, smtp)
    assert smtp.mails == []
    assert [m["recipient"] for m in await messages(notify)] == ["approver2"], "shown as failed for want of an address"
    for who in (ONE, TWO):
        assert (await read(notify, who=who))["unread_count"] == 1


@pytest.mark.rule("NO-02")
@pytest.mark.parametrize("changes", [{"active": False}, {"roles": ["case_officer"]}, {"org_code": "65000"}])
async def test_who_is_no_addressee_gets_no_notice(notify, changes):
    await known(notify, account("approver1", **changes), account("approver2"))
    await told(notify, "submitted")
    assert (await read(notify))["items"] == []
    assert len((await read(notify, who=TWO))["items"]) == 1


@pytest.mark.rule("NO-01", "NO-02")
async def test_an_event_delivered_twice_is_one_notice(notify, smtp):
    await known(notify, account("approver1"))
    body = await told(notify, "submitted")
    assert (await send(notify, body)).status_code == 200
    await work(notify, smtp)
    assert (await send(notify, body)).status_code == 200
    assert (await read(notify))["unread_count"] == 1
    assert len(smtp.mails) == 1


@pytest.mark.rule("NO-02")
async def test_no_job_is_made_for_what_needs_no_sending(notify):
    await known(notify, account("approver1", system_mail=False))
    await told(notify, "submitted")
    assert await sql(notify, "SELECT id FROM job") == []
    (message,) = (
        await notify.http.get("/notify/v1/messages?channel=in_app", headers=bearer("admin", org="moi:moi"))
    ).json()["items"]
    assert (message["state"], message["template"]) == ("delivered", "batch_submitted_inbox")
    assert message["sent_at"] == message["created_at"]
    replayed = await notify.http.post(
        f"/notify/v1/messages/{message['id']}/replay", headers=bearer("admin", org="moi:moi") | key()
    )
    assert replayed.status_code == 409
    assert (await detail(notify, message["id"]))["body"] is None


@pytest.mark.rule("NO-05")
async def test_a_national_id_is_masked_in_title_text_and_table(notify):
    await known(notify, account("c", "case_officer"))
    who = person("c", "case_officer")
    await told(notify, "returned", reason=f"{PLANTED} 不符", school_name=f"大學{PLANTED}")
    page = await read(notify, who=who)
    shown = await read(notify, f"/{page['items'][0]['id']}", who)
    assert "A12****789" in page["items"][0]["title"]
    assert "A12****789" in page["items"][0]["title_en"]
    assert "退回原因：A12****789 不符" in shown["text"]
    stored = await sql(notify, "SELECT json_agg(m)::text FROM message m")
    assert PLANTED not in str((page, shown, stored))


async def test_pages_show_each_once_newest_first_whatever_is_read_meanwhile(notify, three):
    seen, cursor = [], None
    for left in (3, 2, 1):
        page = await read(notify, unread=True, limit=1, **({"cursor": cursor} if cursor else {}))
        assert page["unread_count"] == left
        seen += page["items"]
        cursor = page["next_cursor"]
        # What is read leaves the list of the unread; the place in it is kept all the same.
        await marked(notify, f"/{page['items'][0]['id']}/read")
    assert cursor is None
    assert [item["id"] for item in seen] == [item["id"] for item in three]
    assert [item["number"] for item in seen] == [3, 2, 1]
    assert (await read(notify, unread=True))["items"] == []
    assert len((await read(notify))["items"]) == 3


async def test_a_cursor_is_good_for_its_own_list_only(notify, three):
    cursor = (await read(notify, limit=1))["next_cursor"]
    for params, who in [
        ({"cursor": cursor}, TWO),
        ({"cursor": cursor, "unread": True}, ONE),
        ({"cursor": "nonsense"}, ONE),
    ]:
        answer = await notify.http.get(INBOX, params=params, headers=who)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.parametrize("query", ["unread=maybe", "limit=0", "limit=201", f"cursor={'x' * 2001}"])
async def test_odd_parameters_are_named(notify, query):
    answer = await notify.http.get(f"{INBOX}?{query}", headers=ONE)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["column"] == query.partition("=")[0]


@pytest.mark.rule("NO-02")
async def test_a_mark_changes_one_item_and_says_what_is_left(notify, three):
    path = f"/{three[1]['id']}"
    assert await marked(notify, f"{path}/read") == (1, 2)
    first = (await read(notify, path))["read_at"]
    assert await marked(notify, f"{path}/read") == (0, 2), "read already"
    assert (await read(notify, path))["read_at"] == first, "the first time is kept"
    assert [i["read_at"] is None for i in (await read(notify))["items"]] == [True, False, True]
    assert await marked(notify, f"{path}/unread") == (1, 3)
    assert await marked(notify, f"{path}/unread") == (0, 3)
    assert (await read(notify, "/unread-count")) == {"unread_count": 3}
    assert (await read(notify, "/unread-count", TWO)) == {"unread_count": 3}, "the colleague's are his own"


@pytest.mark.rule("NO-02")
async def test_looking_at_a_notice_marks_nothing(notify, three):
    await read(notify, f"/{three[0]['id']}")
    assert (await read(notify, "/unread-count"))["unread_count"] == 3


@pytest.mark.rule("NO-02")
async def test_all_read_ends_where_the_reader_says(notify, three):
    newest_shown = three[0]["id"]
    await told(notify, "submitted", headcount=4)
    assert await marked(notify, "/read-all", body={"up_to": newest_shown}) == (3, 1)
    (left,) = (await read(notify, unread=True))["items"]
    assert "4 人" in left["title"], "what arrived meanwhile"
    assert await marked(notify, "/read-all", body={"up_to": newest_shown}) == (0, 1)
    assert (await read(notify, "/unread-count", TWO))["unread_count"] == 4


@pytest.mark.rule("NO-02")
async def test_nobody_has_read_what_he_was_not_shown(notify, three):
    of_two = (await read(notify, who=TWO))["items"][0]["id"]
    for unknown in (of_two, str(uuid.uuid4())):
        answer = await post(notify, "/read-all", body={"up_to": unknown})
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["code"], error["pointer"]) == ("inbox_item_unknown", "/up_to")
        assert unknown not in answer.text
    assert (await read(notify, "/unread-count"))["unread_count"] == 3


@pytest.mark.parametrize(
    "body", [None, {}, {"up_to": 3}, {"up_to": PLANTED}, {"up_to": "6371eaf1-9d2e-4458-88cc-6051772d6550", "x": 1}]
)
async def test_a_body_that_says_something_else_is_refused(notify, three, body):
    answer = await post(notify, "/read-all", body=body)
    assert answer.status_code == 422
    assert PLANTED not in answer.text


async def test_a_mark_sent_twice_is_one_mark(notify, three):
    path, the_key = f"{INBOX}/{three[0]['id']}/read", key()
    first, again = [await notify.http.post(path, headers=ONE | the_key) for _ in range(2)]
    assert first.json() == again.json() == {"marked": 1, "unread_count": 2}
    assert again.headers["idempotent-replayed"] == "true"
    without = await notify.http.post(path, headers=ONE)
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")


async def test_an_inbox_numbers_its_items_without_gaps_through_refusals(notify):
    await known(notify, account("approver1"))
    for headcount in (1, -1, 2, -1, 3):
        await send(notify, event("submitted", batch(headcount=headcount, submitted_by="officer")))
    assert [item["number"] for item in (await read(notify))["items"]] == [3, 2, 1]
