"""FE-30, FE-31, FE-34, FE-37, FE-38: the papers of the fee, read back by other programs than those that made them."""

import subprocess
import sys
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pypdfium2
import pytest
import zxingcpp
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.billing.rates import Category, Degree
from rdss_fee.billing.rules import LineKind, Reason
from rdss_fee.billing.schemas import LineOut
from rdss_fee.months import Month
from rdss_fee.papers import child, codes, detail, notice, receipt, refund_forms
from rdss_fee.papers.words import MonthSum
from shared import clock
from shared.papers import making
from shared.papers.forms import Form
from shared.papers.glyphs import GETA
from shared.papers.making import FONT_MISSING
from shared.papers.report import frame
from shared.problems import ProblemError
from shared.roc import roc
from tests.support.papers import cells, pages, squeezed

OCTOBER = Month(2026, 10)
NOTICE = notice.Notice(
    number="0191a3b0-7c1e-7000-8000-000000000001",
    employer_code="12345675",
    employer_name="甲示範科技股份有限公司",
    month=OCTOBER,
    amount=33_110,
    virtual_account="7006021151000013",
    issued_on=date(2026, 9, 15),
    due_on=date(2026, 10, 5),
    due_provisional=False,
    bank_code="004",
    payee_bank="臺灣銀行",
    payee_name="內政部役政署",
    atm_most=2_000_000,
    charges=(MonthSum(Month(2026, 9), 1, 3_010), MonthSum(OCTOBER, 1, 30_100)),
)
RECEIPT = receipt.Receipt(
    year=115,
    serial=1,
    payer_code="12345675",
    payer_name="甲示範科技股份有限公司",
    addressee="會計部",
    address="106臺北市大安區和平東路一號",
    month=OCTOBER,
    virtual_account="7006021151000013",
    amount=33_110,
    posted_on=date(2026, 10, 2),
    issued_on=date(2026, 10, 8),
)
CLAIM = refund_forms.Claim(
    employer_code="12345675",
    employer_name="甲示範科技股份有限公司",
    letter_no="甲科字第1150000012號",
    amount=18_060,
    entered_on=date(2026, 10, 12),
)
# Planes 2 and 15, a control character, a variation selector, an emoji: none is drawn. The rest is.
UNDRAWN = ("\U0002a6d6", "\U000f0001", "\x07", "\U000e0101", "🙂")
HOSTILE = (
    "=1+1",
    '#set text(red) $x$ *a* _b_ `c` \\ // ] [ "',
    "\u202e\u200f反轉",
    "示" * 500,
    "W" * 500,
    "多\n行\t文字\r",
    "".join(UNDRAWN) + "甲",
    " ",
    "",
    "7006021151000013",
)
PAPERS: dict[str, tuple[Any, Any, str]] = {
    "notice": (notice.make, NOTICE, "employer_name"),
    "receipt": (receipt.make, RECEIPT, "payer_name"),
    "letter": (refund_forms.LETTER.make, CLAIM, "employer_name"),
    "refund_receipt": (refund_forms.RECEIPT.make, CLAIM, "employer_name"),
}


async def text_of(make, data) -> str:
    return squeezed("".join(pages(await make(data, ""))))


def of_amount(amount: int, **changes) -> notice.Notice:
    return replace(NOTICE, amount=amount, charges=(MonthSum(OCTOBER, 1, amount),), **changes)


def codes_on(file: bytes) -> set[tuple[zxingcpp.BarcodeFormat, str]]:
    """What a reader of codes finds on the first page, printed at 200 dots an inch."""
    with pypdfium2.PdfDocument(file) as read:
        image = read[0].render(scale=200 / 72, grayscale=True)
        dots = memoryview(bytes(image.buffer)).cast("B", (image.height, image.stride))
        return {(one.format, one.text) for one in zxingcpp.read_barcodes(dots)}


@pytest.mark.rule("FE-30")
async def test_the_notice_says_all_that_is_asked():
    """「含解款行、戶名、銷帳編號、金額、繳費期限」, the month in the Republic's calendar, the amount twice."""
    said = await text_of(notice.make, NOTICE)
    for part in (
        "內政部役政署研究發展費繳費通知單", "用人單位甲示範科技股份有限公司", "單位代碼12345675", "繳費年月115年10月",
        "製單日期115年9月15日", "應繳金額NT$33,110新臺幣參萬參仟壹佰壹拾元整", "繳費期限115年10月5日前（含當日）",
        "銷帳編號7006021151000013", "解款行臺灣銀行（代號004）", "戶名內政部役政署", "115年9月13,010115年10月130,100",
        "應繳合計NT$33,110", "0191a3b0-7c1e-7000-8000-000000000001",
    ):  # fmt: skip
        assert part in said, part
    assert "暫定" not in said


@pytest.mark.rule("FE-30", "FE-15")
async def test_a_due_day_without_an_official_calendar_is_provisional():
    assert "115年10月5日前（含當日）（暫定：" in await text_of(notice.make, replace(NOTICE, due_provisional=True))


@pytest.mark.rule("FE-30")
@pytest.mark.parametrize("amount", [1, 33_110, 2_000_001, 999_999_999_999])
async def test_the_codes_are_read_back(amount):
    """Two lines of Code39 and a QR code, all of one account and one amount."""
    found = codes_on(await notice.make(of_amount(amount), ""))
    assert found == {
        (zxingcpp.BarcodeFormat.Code39, NOTICE.virtual_account),
        (zxingcpp.BarcodeFormat.Code39, str(amount)),
        (zxingcpp.BarcodeFormat.QRCode, codes.qr("004", NOTICE.virtual_account, amount)),
    }


@pytest.mark.rule("FE-30")
async def test_control_a_bar_that_is_missing_is_not_read(monkeypatch):
    """The reader reads what is drawn, and does not make up what is not."""
    monkeypatch.setattr(child, "_bars", lambda text: [1] * 40)
    monkeypatch.setattr(child, "_modules", lambda text: [[0, 2], [1]])

    async def here(paper, font_dir):
        return child.work(msgspec.msgpack.encode(paper), [font_dir])

    monkeypatch.setattr(notice, "printed", here)
    assert codes_on(await notice.make(NOTICE, "")) == set()


@pytest.mark.rule("FE-31")
async def test_three_ways_to_pay_with_what_they_cost():
    said = await text_of(notice.make, NOTICE)
    for part in (
        "持本通知單至全省臺灣銀行臨櫃繳款。無需支付手續費毋需填寫資料，不會出錯",
        "解款行、戶名、銷帳編號（填於帳號欄）、金額，至全省金融機構填寫匯款單後匯款。需自付匯款費用",
        "選擇「繳費」交易，先輸入臺灣銀行代號（004），再輸入銷帳編號及繳費金額即可完成；繳費金額最高以NT$2,000,000為限。"
        "需自付手續費",
    ):
        assert part in said, part


@pytest.mark.rule("FE-31")
@pytest.mark.parametrize("amount, offered", [(1_999_999, True), (2_000_000, True), (2_000_001, False)])
async def test_an_atm_is_offered_up_to_its_limit(amount, offered):
    """「繳費金額最高以200萬元為限」: what is above it says so, and is not told to go there."""
    said = await text_of(notice.make, of_amount(amount))
    assert ("自動提款機（ATM），選擇「繳費」交易" in said) == offered
    assert ("逾自動提款機（ATM）繳費每筆上限（NT$2,000,000），無法以ATM繳費" in said) != offered
    assert len(notice.ways(of_amount(amount))) == (3 if offered else 2)


@pytest.mark.rule("FE-31")
async def test_the_limit_and_the_bank_are_the_scheme_s():
    other = of_amount(
        3_000_000, atm_most=3_000_000, bank_code="822", payee_bank="示範商業銀行", payee_name="某基金專戶"
    )
    said = await text_of(notice.make, other)
    assert "先輸入示範商業銀行代號（822）" in said
    assert "最高以NT$3,000,000為限" in said
    assert "戶名某基金專戶" in said


@pytest.mark.rule("FE-34", "FE-12")
async def test_the_warnings_and_what_is_never_set_off():
    told = replace(NOTICE, credits=(MonthSum(Month(2026, 8), 2, 18_060),))
    said = await text_of(notice.make, told)
    for part in (
        "不同繳費年月之繳費通知單不得合併繳納", "仍以本通知單所載銷帳編號補足差額", "應繳及應退款項不得相互沖抵",
        "逾115年10月5日繳納者，列入管考違規事證", "115年8月218,060", "得申請退費合計NT$18,060", "未自應繳金額扣除",
        "應繳金額NT$33,110",
    ):  # fmt: skip
        assert part in said, part
    assert "15,050" not in said  # 33,110 − 18,060


@pytest.mark.rule("FE-12")
def test_a_notice_that_nets_is_not_printed():
    with pytest.raises(ValueError):
        replace(NOTICE, amount=15_050)


@pytest.mark.rule("FE-30")
async def test_many_months_go_on_over_pages():
    months = tuple(MonthSum(Month(2020, 1).plus(n), 1, 100) for n in range(80))
    read = pages(await notice.make(replace(NOTICE, amount=8_000, charges=months), ""))
    assert len(read) > 1
    whole = squeezed("".join(read))
    assert all(f"{one.month.year - 1911}年{one.month.month}月1100" in whole for one in months)
    assert "第1頁，共" in squeezed(read[0])


@pytest.mark.rule("FE-37")
async def test_the_receipt_says_who_paid_what():
    said = await text_of(receipt.make, RECEIPT)
    for part in (
        "106臺北市大安區和平東路一號甲示範科技股份有限公司會計部收", "內政部役政署研究發展費繳費收據",
        "開立日期：中華民國115年10月8日", "收據編號：115-000001", "繳款人甲示範科技股份有限公司", "統一編號12345675",
        "繳費年月115年10月", "銷帳編號7006021151000013", "入帳日期115年10月2日",
        "實收金額NT$33,110新臺幣參萬參仟壹佰壹拾元整",
    ):  # fmt: skip
        assert part in said, part
    assert "作廢" not in said


@pytest.mark.rule("FE-37")
async def test_a_void_receipt_says_so_across_it():
    said = await text_of(receipt.make, replace(RECEIPT, voided_on=date(2026, 10, 9), void_reason="收件人誤植"))
    assert said.count("作廢") == 3
    assert "業於115年10月9日作廢，不生收據效力。作廢事由：收件人誤植" in said
    with pytest.raises(ValueError):
        replace(RECEIPT, voided_on=date(2026, 10, 9))


@pytest.mark.rule("FE-38")
async def test_the_letter_asks_for_the_refund():
    said = await text_of(refund_forms.LETTER.make, CLAIM)
    for part in (
        "甲示範科技股份有限公司函", "受文者：內政部役政署", "發文字號：甲科字第1150000012號", "已簽妥退款收據1份",
        "申請退費新臺幣壹萬捌仟零陸拾元整（NT$18,060）", "12345675", "單位印信",
    ):  # fmt: skip
        assert part in said, part


@pytest.mark.rule("FE-38")
async def test_the_receipt_to_sign():
    said = await text_of(refund_forms.RECEIPT.make, CLAIM)
    for part in (
        "研究發展費退款收據", "茲收到內政部役政署退還研究發展費", "新臺幣壹萬捌仟零陸拾元整（NT$18,060）",
        "具領單位甲示範科技股份有限公司", "統一編號12345675", "甲科字第1150000012號", "匯入帳戶", "負責人（簽章）",
        "單位印信", "中華民國年月日",
    ):  # fmt: skip
        assert part in said, part


@pytest.mark.rule("FE-30", "FE-37", "FE-38")
@pytest.mark.parametrize("kind", PAPERS)
async def test_it_is_pdf_a_with_its_font_in_it_and_the_same_twice(kind):
    make, data, _ = PAPERS[kind]
    file = await make(data, "")
    for mark in (
        b"<pdfaid:part>2</pdfaid:part>",
        b"<pdfaid:conformance>B</pdfaid:conformance>",
        b"/FontFile3",
        b"zh-TW",
    ):
        assert mark in file
    assert file == await make(data, "")
    with pypdfium2.PdfDocument(file) as read:
        assert [tuple(map(int, page.get_size())) for page in read] == [(595, 841)]


@pytest.mark.rule("FE-30", "FE-37", "FE-38")
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", PAPERS)
async def test_whatever_a_name_is_the_paper_is_made(kind, name):
    """Markup is plain text; what is long is cut; what no font draws is 〓, and listed with its field and code point."""
    make, data, field = PAPERS[kind]
    read = pages(await make(replace(data, **{field: name}), ""))
    whole = squeezed("".join(read))
    if name.startswith("#set"):
        assert "#settext(red)$x$*a*_b_`c`\\//][" in whole
    if len(name) > 200:
        assert f"{name[:200]}……（以下從略）" in whole
    if UNDRAWN[0] in name:
        assert GETA * len(UNDRAWN) + "甲" in whole
        heading = "繳款人" if kind == "receipt" else "用人單位"
        listed = squeezed(read[-1])
        for char in UNDRAWN:
            assert f"「{heading}」：U+{ord(char):04X}" in listed
        assert "共5字" in listed
    elif "\u202e" in name:
        assert GETA * 2 + "反轉" in whole
    else:
        assert "無法列印" not in whole
    if kind == "notice":
        assert "銷帳編號7006021151000013" in squeezed(read[0])


@pytest.mark.rule("FE-30")
async def test_an_account_is_copied_whole():
    """No mark stands within the number, whatever breaks long words."""
    assert NOTICE.virtual_account in "".join(pages(await notice.make(NOTICE, "")))


async def test_without_a_font_it_is_refused_in_words(tmp_path):
    for make, data, _ in PAPERS.values():
        with pytest.raises(ProblemError) as told:
            await make(data, str(tmp_path))
        assert told.value.type is FONT_MISSING
        assert told.value.headers["Retry-After"]


def test_the_process_that_asks_stays_light():
    """Typesetting and barcodes are the child's: who imports all papers has none of them."""
    code = (
        "import sys; from rdss_fee.papers import detail, notice, receipt, refund_forms;"
        "print(sorted({'typst', 'segno', 'barcode', 'fontTools', 'pypdf', 'xlsxwriter'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"


LINE = LineOut(
    run_id=uuid.UUID(int=1),
    employer_code="12345675",
    serviceman_id=uuid.UUID(int=2),
    serviceman_name="王大明",
    national_id="A12****789",
    month=date(2026, 9, 1),
    kind=LineKind.CHARGE,
    reason=Reason.NOT_YET_BILLED,
    days=3,
    days_in_month=30,
    category=Category.RDSS,
    degree=Degree.MASTER,
    cohort=2010,
    rate=30_100,
    entitled=3_010,
    billed=0,
    amount=3_010,
    event_id=None,
)
CREDIT: dict[str, Any] = {
    "serviceman_name": "=李\U0002a6d6華", "national_id": "A12****123", "month": date(2026, 8, 1), "days": 0,
    "days_in_month": 31, "category": None, "degree": None, "cohort": None, "rate": None, "entitled": 0,
    "billed": 30_100, "kind": LineKind.CREDIT, "reason": Reason.BILLED_TOO_MUCH, "amount": 30_100,
}  # fmt: skip
LINES = [LINE, LINE.model_copy(update=CREDIT)]
HEADING = detail.Heading("12345675", "甲示範科技股份有限公司", OCTOBER, 3_010, 30_100, 2)


async def detailed(form: Form, lines: Iterable[LineOut] = LINES) -> bytes:
    """The detail as a list's reader gets it."""

    async def heading(_session: AsyncSession) -> detail.Heading:
        return HEADING

    document, values = await frame(detail.report(heading), form, AsyncSession())
    rows = making.Rows(values)
    rows.add(lines)
    return await making.make(form, document, rows)


@pytest.mark.rule("FE-30", "FE-12")
async def test_the_detail_on_paper():
    """Line by line, charges and credits each by itself; what cannot be drawn is listed with its line."""
    read = pages(await detailed(Form.PDF))
    said = squeezed("".join(read))
    for part in (
        "研究發展費計費資料明細115年10月", "用人單位：甲示範科技股份有限公司（12345675）", "共2筆",
        "應繳合計：NT$3,010", "應退合計：NT$30,100（應繳及應退不得相互沖抵）", f"列印日期：{roc(clock.today())}",
        "A12****789王大明115年9月3／3030,1003,0100應繳3,010本月以前應計入而未計入",
        f"A12****123=李{GETA}華115年8月0／31030,100應退30,100本月以前不應計入而已計入", "第2列「姓名」：U+2A6D6",
    ):  # fmt: skip
        assert part in said, part


@pytest.mark.rule("FE-30")
@pytest.mark.parametrize("form", [Form.XLSX, Form.ODS])
async def test_the_detail_as_a_spreadsheet(form):
    rows = cells(await detailed(form))
    assert rows[0] == [
        "身分證字號", "姓名", "計費月份", "服役日數", "當月日數", "月費率", "應計金額", "已計金額", "應繳／應退",
        "金額", "事由",
    ]  # fmt: skip
    assert rows[1] == [
        "A12****789",
        "王大明",
        "115年9月",
        3,
        30,
        30_100,
        3_010,
        0,
        "應繳",
        3_010,
        "本月以前應計入而未計入",
    ]
    assert rows[2] == [
        "A12****123", "=李\U0002a6d6華", "115年8月", 0, 31, "", 0, 30_100, "應退", 30_100, "本月以前不應計入而已計入",
    ]  # fmt: skip


@pytest.mark.rule("FE-30")
def test_the_detail_as_csv():
    assert detail.NAME == "研究發展費計費資料明細"
    made = detail.SHEET.rows(LINES).decode()
    assert made.splitlines()[0].startswith("A12****789,王大明,115年9月,3,30,30100,3010,0,應繳,3010,")
    assert made.splitlines()[1].startswith("A12****123,'=李\U0002a6d6華,115年8月,0,31,,0,30100,應退,30100,")


@pytest.mark.rule("FE-30")
async def test_a_long_detail_goes_over_many_pages():
    many = [LINE.model_copy(update={"serviceman_name": f"第{n}人"}) for n in range(1_200)]
    read = [squeezed(page) for page in pages(await detailed(Form.PDF, many))]
    assert len(read) > 20
    assert all("身分證字號姓名計費月份" in page for page in read)
    whole = "".join(read)
    assert all(f"第{n}人115年9月" in whole for n in range(1_200))
