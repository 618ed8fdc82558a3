"""From event to mail: who is told, in which words, once."""

import uuid
from datetime import timedelta
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest

from tests.notify.support import (
    START,
    account,
    batch,
    detail,
    due,
    event,
    headers_of,
    known,
    messages,
    send,
    sql,
    text_of,
    told,
    work,
)


@pytest.mark.rule("NO-01", "NO-03", "NO-04")
async def test_a_submission_reaches_the_approvers_of_that_county_who_did_not_opt_out(notify, smtp):
    await known(
        notify,
        account("approver1"),
        account("approver2", system_mail=False),
        account("deputy", roles=["case_officer", "approver"]),
        account("officer", "case_officer"),
        account("elsewhere", org="county:65000"),
        account("left", active=False),
        account("school", "school", "school:0003"),
    )
    told_of = await told(notify, "submitted")
    assert await work(notify, smtp) == 2
    assert smtp.to() == ["approver1@example.test", "deputy@example.test"]
    mail = smtp.mails[0]
    headers = headers_of(mail)
    assert headers["subject"] == ("【緩徵作業】國立臺灣大學115學年度第1學期申請緩徵名冊陳核 48 人 / 48 for approval")
    assert headers["auto-submitted"] == "auto-generated"
    assert headers["list-id"] == "Muster notices <batch-submitted.notices.example.test>"
    assert headers["x-muster-template"] == "batch_submitted/2"
    assert mail["to"].addresses[0].display_name.startswith("職員")
    assert mail.get_content_charset() == "utf-8"
    chinese, _, english = text_of(mail).partition("-" * 40)
    assert "陳核人數：48 人" in chinese
    assert "受理機關：臺北市政府" in chinese
    assert f"陳核編號：{told_of['data']['batch_id']}" in chinese
    assert "Entries: 48" in english
    assert "County: Taipei City Government" in english
    for shown in await messages(notify):
        assert (shown["state"], shown["template"], shown["template_version"]) == ("sent", "batch_submitted", 2)
        assert shown["sent_at"]
        assert f"<{shown['id']}@example.test>" in [m["message-id"] for m in smtp.mails]


@pytest.mark.rule("NO-04")
@pytest.mark.parametrize(
    "kind, audience, expected",
    [
        ("submitted", "approver", ["陳核人數：48 人", "Entries: 48"]),
        ("recalled", "approver", ["撤回人數：48 人", "has recalled this batch"]),
        ("returned", "case_officer", ["（部分）", "退回人數：2 人", "退回原因：請補附畢業證書", "Entries returned: 2"]),
        (
            "decided",
            "school",
            ["核准：45 人", "不核准：3 人", "民國115年10月2日（2026-10-02）", "第13條第1項", "Article 13, paragraph 1"],
        ),
    ],
)
async def test_each_event_goes_to_its_audience_in_both_languages(notify, smtp, kind, audience, expected):
    await known(
        notify,
        account("a", "approver"),
        account("c", "case_officer"),
        account("s", "school", "school:0003"),
        account("other", "school", "school:0025"),
    )
    await told(notify, kind)
    await work(notify, smtp)
    assert smtp.to() == [f"{audience[0]}@example.test"]
    for part in expected:
        assert part in text_of(smtp.mails[0])


@pytest.mark.rule("NO-04")
@pytest.mark.parametrize(
    "changes, shown, hidden",
    [({"whole": True, "reason": None}, "（整批）", "退回原因"), ({"whole": False}, "（部分）", "（整批）")],
)
async def test_a_return_says_whether_it_is_the_whole_batch(notify, smtp, changes, shown, hidden):
    await known(notify, account("c", "case_officer"))
    await told(notify, "returned", **changes)
    await work(notify, smtp)
    assert shown in text_of(smtp.mails[0])
    assert hidden not in text_of(smtp.mails[0])


@pytest.mark.rule("NO-04")
async def test_a_decided_cessation_cites_no_article_on_applications(notify, smtp):
    await known(notify, account("s", "school", "school:0003"))
    await told(notify, "decided", kind="cessation")
    await work(notify, smtp)
    assert "緩徵原因消滅名冊" in text_of(smtp.mails[0])
    assert "第13條" not in text_of(smtp.mails[0])
    assert "Article" not in text_of(smtp.mails[0])


@pytest.mark.rule("NO-01")
async def test_an_event_delivered_twice_makes_one_message(notify, smtp):
    await known(notify, account("approver1"))
    body = await told(notify, "submitted")
    again = await send(notify, body)
    assert again.status_code == 200
    assert len(await messages(notify)) == 1
    await work(notify, smtp)
    assert (await send(notify, body)).status_code == 200
    await work(notify, smtp)
    assert len(smtp.mails) == 1


@pytest.mark.rule("NO-01")
async def test_the_same_id_from_another_source_is_another_event(notify):
    await known(notify, account("approver1"))
    body = await told(notify, "submitted")
    of_identity = event("account", account("approver2")) | {"id": body["id"]}
    assert (await send(notify, of_identity)).status_code == 202
    assert (await send(notify, of_identity)).status_code == 200


@pytest.mark.rule("NO-01")
async def test_an_event_nobody_here_reads_is_taken_and_dropped(notify):
    body = event("submitted", batch()) | {"type": "muster.roster.something.happened.v1"}
    assert (await send(notify, body)).status_code == 202
    assert await messages(notify) == []


@pytest.mark.rule("NO-01")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("headcount"),
        lambda d: d.update(headcount="48"),
        lambda d: d.update(headcount=-1),
        lambda d: d.update(batch_id="no"),
        lambda d: d.update(school_name="大" * 201),
    ],
)
async def test_data_that_does_not_fit_is_refused_and_nothing_is_kept(notify, spoil):
    await known(notify, account("approver1"))
    body = event("submitted", batch(headcount=48, submitted_by="officer"))
    good = {**body, "data": dict(body["data"])}
    spoil(body["data"])
    answer = await send(notify, body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_content"
    assert await messages(notify) == []
    # The refusal did not use the id up.
    assert (await send(notify, good)).status_code == 202


@pytest.mark.rule("NO-01")
async def test_what_a_newer_sender_adds_does_no_harm(notify):
    await known(notify, account("approver1", phone="02-12345678"))
    await told(notify, "submitted", colour="red")
    assert len(await messages(notify)) == 1


@pytest.mark.rule("NO-06")
async def test_an_event_for_an_unknown_audience_is_kept_by_its_sender(notify, smtp):
    """The directory may lag behind at a first start; a notice must not be lost for that."""
    body = event("decided", batch(approved=1, rejected=0, decided_on="2026-10-02"))
    answer = await send(notify, body)
    assert (answer.status_code, answer.json()["code"]) == (503, "nobody_to_tell")
    assert answer.headers["retry-after"]
    await known(notify, account("s", "school", "school:0003"))
    assert (await send(notify, body)).status_code == 202
    await work(notify, smtp)
    assert smtp.to() == ["s@example.test"]


@pytest.mark.rule("NO-03")
async def test_when_all_declined_the_event_is_done(notify, smtp):
    await known(notify, account("approver1", system_mail=False))
    await told(notify, "submitted")
    assert await work(notify, smtp) == 0
    assert await messages(notify) == []


@pytest.mark.rule("NO-03")
async def test_who_opts_out_before_it_goes_out_gets_none(notify, smtp):
    await known(notify, account("approver1"), account("approver2"))
    await told(notify, "submitted")
    await known(notify, account("approver1", system_mail=False), at=START)
    await work(notify, smtp)
    assert smtp.to() == ["approver2@example.test"]
    states = {m["recipient"]: (m["state"], m["failure"] and m["failure"]["code"]) for m in await messages(notify)}
    assert states == {"approver1": ("failed", "opted_out"), "approver2": ("sent", None)}


@pytest.mark.rule("NO-03")
async def test_a_required_notice_cannot_be_turned_off(notify, smtp):
    await known(notify, account("s", "school", "school:0003", system_mail=False))
    await told(notify, "decided")
    await work(notify, smtp)
    assert smtp.to() == ["s@example.test"]
    assert (await messages(notify))[0]["required"] is True
    assert "不受「個人帳號維護」" in text_of(smtp.mails[0])


@pytest.mark.rule("NO-03")
@pytest.mark.parametrize(
    "changes, failure",
    [
        ({"active": False}, "inactive"),
        ({"roles": ["case_officer"]}, "not_addressee"),
        ({"org_code": "65000"}, "not_addressee"),
        ({"email": None}, "no_address"),
    ],
)
async def test_who_left_or_moved_meanwhile_gets_none_and_it_shows(notify, smtp, changes, failure):
    await known(notify, account("approver1"))
    await told(notify, "submitted")
    await known(notify, account("approver1", **changes), at=START)
    await work(notify, smtp)
    assert smtp.mails == []
    shown = (await messages(notify))[0]
    assert (shown["state"], shown["failure"]["code"]) == ("failed", failure)
    assert shown["failure"]["label"]


@pytest.mark.rule("NO-03")
@pytest.mark.parametrize(
    "address", [None, "", "no-at", "a@b\r\nBcc: evil@example.test", "a b@example.test", "名@example.test", "a@-b"]
)
async def test_an_account_without_a_usable_address_fails_visibly(notify, smtp, address):
    await known(notify, account("approver1", email=address))
    await told(notify, "submitted")
    await work(notify, smtp)
    assert smtp.mails == []
    assert (await messages(notify))[0]["failure"]["code"] == "no_address"


@pytest.mark.rule("NO-03")
async def test_the_directory_keeps_what_happened_last_not_what_came_last(notify, smtp):
    off, on = account("approver1", system_mail=False), account("approver1", email="old@example.test")
    await known(notify, off, at=START)
    await known(notify, on, at=START - timedelta(minutes=1))
    await told(notify, "submitted")
    assert await messages(notify) == []
    await known(notify, account("approver1", email="new@example.test"), at=START + timedelta(minutes=1))
    await told(notify, "submitted")
    await work(notify, smtp)
    assert smtp.to() == ["new@example.test"]


@pytest.mark.rule("NO-06")
async def test_a_corrected_address_is_used_by_what_still_waits(notify, smtp):
    await known(notify, account("approver1", email="old@example.test"))
    await told(notify, "submitted")
    await known(notify, account("approver1", email="new@example.test"), at=START)
    await work(notify, smtp)
    assert smtp.to() == ["new@example.test"]


PLANTED = "A123456789"


@pytest.mark.rule("NO-05")
async def test_a_national_id_in_an_event_is_masked_everywhere(notify, smtp):
    await known(notify, account("c", "case_officer", display_name=f"王 {PLANTED}"))
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in PLANTED)
    await told(notify, "returned", reason=f"{PLANTED} 與 {full_width} 不符", school_name=f"大學{PLANTED}")
    await work(notify, smtp)
    mail = smtp.mails[0]
    whole = " ".join([str(mail["subject"]), str(mail["to"]), text_of(mail)])
    assert "A12****789" in whole
    for leaked in (PLANTED, full_width):
        assert leaked not in whole
    shown = await detail(notify, (await messages(notify))[0]["id"])
    assert PLANTED not in str(shown)
    stored = await sql(
        notify,
        "SELECT (SELECT json_agg(j)::text FROM job j), (SELECT json_agg(m)::text FROM message m),"
        " (SELECT json_agg(a)::text FROM account a), (SELECT json_agg(i)::text FROM inbox_event i)",
    )
    assert PLANTED not in str(stored)


@pytest.mark.rule("NO-05")
async def test_nothing_in_an_event_can_add_a_header_or_a_line(notify, smtp):
    await known(notify, account("c", "case_officer", display_name="甲\r\nBcc: evil@example.test"))
    await told(
        notify,
        "returned",
        school_name="大學\r\nBcc: evil@example.test\r\n\r\nHello",
        reason="一\n\n核准：999 人\u2028二 {{ 7*7 }}",
    )
    await work(notify, smtp)
    mail = smtp.mails[0]
    assert mail["bcc"] is None
    assert "\n" not in str(mail["subject"])
    assert smtp.to() == ["c@example.test"]
    lines = text_of(mail).split("\n")
    assert not [line for line in lines if line.startswith(("核准：", "Hello", "Bcc"))]
    assert "退回原因：一 核准：999 人 二 {{ 7*7 }}" in lines


@pytest.mark.rule("NO-06")
async def test_a_thousand_words_do_not_break_a_header(notify, smtp):
    await known(notify, account("approver1", display_name="龘" * 300))
    await told(notify, "submitted", school_name="𠮷" * 200)
    await work(notify, smtp)
    assert str(smtp.mails[0]["subject"]).count("𠮷") == 200
    # Read as RFC 2047 says: the blanks between two encoded words are not part of the text.
    raw = message_from_bytes(smtp.handler.raws[0])
    assert str(make_header(decode_header(raw["to"]))) == f"{'龘' * 300} <approver1@example.test>"
    assert max(map(len, smtp.handler.raws[0].splitlines())) <= 78


async def test_a_job_for_a_message_that_is_not_there_is_given_up(notify, smtp):
    await sql(
        notify,
        "INSERT INTO job (kind, key, payload, priority, run_at, max_attempts)"
        " VALUES ('mail.send', 'x', jsonb_build_object('message_id', CAST(:id AS text)), 1, now(), 3)",
        id=str(uuid.uuid4()),
    )
    await work(notify, smtp)
    assert (await sql(notify, "SELECT state FROM job"))[0].state == "dead"
    await due(notify)
    assert await work(notify, smtp) == 0
