"""What employers are told of the fee: by whom, in which words, with amounts and days as officials write them."""

import pytest

from tests.notify.fees import DATA, TYPES, fee_event
from tests.notify.support import account, headers_of, known, send, text_of, work
from tests.notify.test_inbox import person, read

pytestmark = [pytest.mark.rule("FE-40"), pytest.mark.rule("NO-04")]

A, B = "employer:12345675", "employer:04595257"
PEOPLE = {
    "head": ("employer", A),
    "declined": ("employer", A),
    "department": ("employer_department", A),
    "elsewhere": ("employer", B),
    "finance": ("authority_finance", "authority:nca"),
}


async def _known(notify) -> None:
    await known(
        notify,
        *(account(sub, role, org, system_mail=sub != "declined") for sub, (role, org) in PEOPLE.items()),
    )


@pytest.mark.parametrize(
    ("act", "required", "subject", "words"),
    [
        (
            "notice.issued",
            True,
            "【研究發展費】115年10月研究發展費繳費通知單：新臺幣 1,033,110 元，民國115年10月5日前繳納"
            " / Fee notice for 2026-10: NT$1,033,110, due 2026-10-05",
            [
                "研發替代役研究發展費繳納標準第4條", "應繳金額：新臺幣 1,033,110 元",
                "繳納期限：民國115年10月5日（2026-10-05）", "開立日期：民國115年9月15日（2026-09-15）",
                "不同月份不得合併繳納", "Amount: NT$1,033,110", "Article 4", "Months are never paid together",
            ],
        ),
        (
            "notice.reminded",
            False,
            "【研究發展費】115年10月研究發展費將於民國115年10月5日到期，尚有新臺幣 1,000,000 元未繳"
            " / Fee for 2026-10 is due on 2026-10-05: NT$1,000,000 outstanding",
            ["已入帳金額：新臺幣 33,110 元", "尚未繳納：新臺幣 1,000,000 元", "Received so far: NT$33,110"],
        ),
        (
            "notice.overdue",
            False,
            "【研究發展費】115年10月研究發展費已逾期，尚有新臺幣 1,000,000 元未繳"
            " / Fee for 2026-10 is overdue: NT$1,000,000 outstanding",
            ["逾每月5日未足額繳納者，列入管考違規事證（研發替代役制度管考獎懲作業說明研究發展費繳納第5頁）", "overdue"],
        ),
        (
            "refund.decided",
            False,
            "【研究發展費】退費申請已退回：新臺幣 30,600 元 / Refund claim returned: NT$30,600",
            ["退費函文：示範財字第1150000012號", "退回原因：退款收據未用印", "審核日期：民國115年9月15日"],
        ),
        (
            "refund.paid",
            False,
            "【研究發展費】退費新臺幣 30,600 元已付款 / Refund of NT$30,600 paid",
            ["付款日期：民國115年9月15日（2026-09-15）", "不得相互沖抵", "never set off"],
        ),
        (
            "refund.bounced",
            False,
            "【研究發展費】退費新臺幣 30,600 元遭銀行退匯，請重新申請"
            " / Refund of NT$30,600 was returned by the bank: please claim again",
            ["退匯原因：帳號已結清", "may be claimed again"],
        ),
        (
            "violation.found",
            True,
            "【研究發展費】115年10月研究發展費逾5日未足額繳納，列入管考違規事證"
            " / Violation recorded: fee for 2026-10 not paid whole by the 5th",
            [
                "管考違規事證基準日：民國115年10月5日（2026-10-05）", "截至5日已繳：新臺幣 33,110 元",
                "僅為研究發展費項目之事證", "evidence of the fee only",
            ],
        ),
        (
            "violation.annulled",
            False,
            "【研究發展費】115年10月研究發展費違規事證已註銷 / Violation of 2026-10 annulled",
            ["註銷原因：銀行系統異常", "註銷日期：民國115年11月2日（2026-11-02）"],
        ),
    ],
)  # fmt: skip
async def test_the_head_office_is_written_to_and_what_the_law_requires_cannot_be_declined(
    notify, smtp, act, required, subject, words
):
    await _known(notify)
    answer = await send(notify, fee_event(act))
    assert answer.status_code == 202, answer.text
    await work(notify, smtp)
    assert smtp.to() == ["declined@example.test", "head@example.test"][not required :]
    mail = smtp.mails[0]
    assert headers_of(mail)["subject"] == subject
    text = text_of(mail)
    for part in (*words, "用人單位：甲示範科技股份有限公司（12345675）", "請勿直接回覆"):
        assert part in text, part
    assert ("不受「個人帳號維護」" in text) == required
    for leftover in ("{{", "None", "\n\n\n"):
        assert leftover not in text


@pytest.mark.rule("NO-02")
@pytest.mark.parametrize("act", sorted(DATA))
async def test_the_inbox_of_the_head_office_alone_and_what_to_open(notify, act):
    await _known(notify)
    assert (await send(notify, fee_event(act))).status_code == 202
    for sub, (role, org) in PEOPLE.items():
        items = (await read(notify, who=person(sub, role, org)))["items"]
        assert len(items) == (sub in ("head", "declined")), sub
        if not items:
            continue
        concerns, data = items[0]["concerns"], fee_event(act)["data"]
        assert concerns["employer_code"] == "12345675"
        thing = act.split(".")[0].replace("refund", "claim")
        assert concerns["href"].startswith("/rdss-fee/v1/")
        assert concerns["href"].endswith(data[f"{thing}_id"])
        shown = await read(notify, f"/{items[0]['id']}", person(sub, role, org))
        assert "None" not in shown["text"] + shown["text_en"]
        assert "請勿直接回覆" not in shown["text"]


async def test_an_approval_reads_as_one(notify, smtp):
    await _known(notify)
    await send(notify, fee_event("refund.decided", approved=True, reason=None))
    await work(notify, smtp)
    assert "退費申請已核准" in headers_of(smtp.mails[0])["subject"]
    assert "退回" not in text_of(smtp.mails[0])


@pytest.mark.rule("NO-05")
@pytest.mark.parametrize("act", [act for act in sorted(DATA) if "reason" in TYPES[act].data.model_fields])
async def test_what_people_write_is_masked_before_it_is_an_event(act):
    made = fee_event(act, reason="役男 A123456789", employer_name="甲公司 A123456789")
    assert made["data"]["reason"] == "役男 A12****789"
    assert made["data"]["employer_name"] == "甲公司 A12****789"
