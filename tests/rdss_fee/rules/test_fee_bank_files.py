"""Posting files: read whole or refused whole, each fault with its line (FE-32)."""

import csv
import io
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdss_fee.bankfiles import reading
from rdss_fee.bankfiles.layouts import (
    BANK_OF_TAIWAN,
    BANK_OF_TAIWAN_CSV,
    LAYOUTS,
    SHIN_KONG,
    TAISHIN,
    Field,
    Layout,
    LayoutError,
    Trailer,
)
from rdss_fee.bankfiles.reading import MOST_FAULTS, BankFile, BankFileError, FileFault, Totals, read

pytestmark = pytest.mark.rule("FE-32")

ACCOUNT = "7006021151000014"


@dataclass(frozen=True)
class Paid:
    """A payment as a bank would write it."""

    serial: int = 1
    account: str = ACCOUNT
    amount: int = 33_110
    posted_on: date = date(2026, 10, 5)
    value_on: date = date(2026, 10, 4)
    channel: str = "03"
    payer: str = "甲示範科技股份有限公司"

    def line(self) -> bytes:
        sign, payer = "-" if self.amount < 0 else "+", self.payer.encode("cp950")[:40].ljust(40)
        head = f"2{self.posted_on:%Y%m%d}{self.value_on:%Y%m%d}120000{self.serial:010d}{self.account}{sign}"
        return f"{head}{abs(self.amount):012d}{self.channel}".encode() + payer + b" " * 16


HEADER = b"1" + b"700602" + b"20261005" + b"0001" + b" " * 101


def fixed(paid: Iterable[Paid], *, count: int | None = None, total: int | None = None) -> bytes:
    """A file of the default layout; its totals unless told otherwise."""
    rows = list(paid)
    count = len(rows) if count is None else count
    total = sum(one.amount for one in rows) if total is None else total
    trailer = f"3{count:08d}{total:014d}".ljust(120).encode()
    return b"\r\n".join([HEADER, *(one.line() for one in rows), trailer]) + b"\r\n"


def columns(paid: Iterable[Paid]) -> str:
    """The same as CSV."""
    rows, out = list(paid), io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["入帳日", "起息日", "交易序號", "銷帳編號", "正負", "金額", "通路", "繳款人"])
    for one in rows:
        writer.writerow([f"{one.posted_on:%Y%m%d}", f"{one.value_on:%Y%m%d}", f"{one.serial:010d}", one.account,
                         "-" if one.amount < 0 else "", abs(one.amount), one.channel, one.payer])  # fmt: skip
    writer.writerow(["合計", len(rows), sum(one.amount for one in rows)])
    return out.getvalue()


def faults(data: bytes, layout: Layout = BANK_OF_TAIWAN, stated: Totals | None = None) -> list[FileFault]:
    with pytest.raises(BankFileError) as caught:
        read(layout, data, stated)
    assert caught.value.count == len(caught.value.faults)
    return list(caught.value.faults)


def test_what_the_bank_posted_is_read():
    two = [Paid(), Paid(2, amount=-33_110, channel="01", payer="")]
    found = read(BANK_OF_TAIWAN, fixed(two))
    assert (found.layout, found.totals) == ("bank_of_taiwan", Totals(2, 0))
    first, second = found.postings
    assert (first.line, first.account, first.amount, first.channel, first.payer) == (
        2, ACCOUNT, 33_110, "atm", "甲示範科技股份有限公司",
    )  # fmt: skip
    assert (first.posted_on, first.value_on, first.serial) == (date(2026, 10, 5), date(2026, 10, 4), "0000000001")
    assert (second.amount, second.channel, second.payer) == (-33_110, "counter", "")


@pytest.mark.parametrize(
    "encode", [str.encode, lambda text: b"\xef\xbb\xbf" + text.encode(), lambda t: t.encode("cp950")]
)
def test_columns_say_the_same_in_utf_8_and_big5(encode: Callable[[str], bytes]):
    """A transaction has one key, in whichever form its file came."""
    two = [Paid(payer='丙,"行"'), Paid(2, amount=-5)]
    found, other = read(BANK_OF_TAIWAN_CSV, encode(columns(two))), read(BANK_OF_TAIWAN, fixed(two))
    assert [replace_line(one) for one in found.postings] == [replace_line(one) for one in other.postings]
    assert found.totals == other.totals
    assert found.digest != other.digest


def replace_line(one: reading.Posting) -> tuple[object, ...]:
    return (one.key, one.account, one.amount, one.posted_on, one.value_on, one.channel, one.payer)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", [FileFault("file_empty")]),
        (b"\r\n \r\n", [FileFault("file_empty")]),
        (fixed([Paid(amount=0)]), [FileFault("amount_zero", 2, "amount")]),
        (fixed([Paid(), Paid()]), [FileFault("line_duplicate", 3)]),
        (fixed([Paid()], count=2), [FileFault("count_differs")]),
        (fixed([Paid()], total=33_111), [FileFault("total_differs")]),
        (fixed([Paid()], count=0, total=0), [FileFault("count_differs"), FileFault("total_differs")]),
        (fixed([Paid()])[:-1].rpartition(b"\r\n3")[0], [FileFault("trailer_missing")]),
        (fixed([Paid(account="70060211510000l4")]), [FileFault("not_digits", 2, "account")]),
        (fixed([Paid()]).replace(b"20261004", b"20261332"), [FileFault("not_a_date", 2, "value_on")]),
        (fixed([Paid()]).replace(b"20261004", b"2026 100"), [FileFault("not_a_date", 2, "value_on")]),
        (fixed([Paid()]).replace(b"14+", b"14x"), [FileFault("not_a_sign", 2, "sign")]),
        (fixed([Paid()]).replace(b"\r\n2", b"\r\n7"), [FileFault("record_unknown", 2)]),
        (fixed([Paid()]).replace(b"\r\n2", b"\r\n"), [FileFault("line_length", 2)]),
        (fixed([Paid()]) + Paid(2).line(), [FileFault("record_misplaced", 4)]),
        (fixed([Paid()]).removeprefix(HEADER + b"\r\n"), [FileFault("record_misplaced", 1)]),
        (HEADER + b"\r\n" + fixed([Paid()]), [FileFault("record_misplaced", 2)]),
        (fixed([Paid()]).replace(b"\r\n300000001", b"\r\n3000000O1"), [FileFault("not_digits", 3, "trailer")]),
        # Each that is wrong, and each field of it.
        (
            fixed([Paid(account="x" * 16, amount=0), Paid(2), Paid(3, amount=0)]),
            [FileFault("not_digits", 2, "account"), FileFault("amount_zero", 2, "amount"),
             FileFault("amount_zero", 4, "amount")],
        ),
    ],
)  # fmt: skip
def test_a_file_with_a_fault_is_refused_whole(data: bytes, expected: list[FileFault]):
    assert faults(data) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace("銷帳編號", "帳號"), [FileFault("column_missing", 1, "銷帳編號")]),
        (lambda text: text.replace("20261005,", "20261005,,", 1), [FileFault("cells_count", 2)]),
        (lambda text: text.rpartition("合計")[0], [FileFault("trailer_missing")]),
        (
            lambda text: text.replace("合計,1,33110", "合計"),
            [
                FileFault("cells_count", 3),
            ],
        ),
        (lambda text: text.replace("合計,1,33110", "合計,1,33111"), [FileFault("total_differs")]),
        (lambda text: text.replace("合計,1,33110", "合計,1,x"), [FileFault("not_digits", 3, "trailer")]),
        (lambda text: text + "20261005,,,,,,,\r\n", [FileFault("record_misplaced", 4)]),
        (lambda text: text.replace(",33110,03", ",-33110,03"), [FileFault("not_digits", 2, "amount")]),
        (lambda text: text.replace(",33110,03", ",33110.5,03"), [FileFault("not_digits", 2, "amount")]),
        (lambda text: text.replace("甲示範", '"甲示範'), [FileFault("cells_count", 3)]),
        (lambda text: text.replace(",33110,03", f",{'9' * 5_000},03"), [FileFault("too_many_digits", 2, "amount")]),
        (lambda text: text.replace(",33110,03", f",{'9' * 16},03"), [FileFault("too_many_digits", 2, "amount")]),
        (
            lambda text: text.replace("合計,1,33110", f"合計,1,{'9' * 5_000}"),
            [FileFault("too_many_digits", 3, "trailer")],
        ),
        (
            lambda text: text.replace("繳款人", "金額"),
            [FileFault("column_missing", 1, "繳款人"), FileFault("column_twice", 1, "金額")],
        ),
    ],
)
def test_columns_with_a_fault_are_refused_whole(change: Callable[[str], str], expected: list[FileFault]):
    assert faults(change(columns([Paid()])).encode(), BANK_OF_TAIWAN_CSV) == expected


def test_a_charset_that_is_not_ours_is_refused_by_its_headings():
    utf_16 = b"\xff\xfe" + columns([Paid()]).encode("utf-16-le")
    assert {fault.code for fault in faults(utf_16, BANK_OF_TAIWAN_CSV)} == {"column_missing"}


@pytest.mark.parametrize(
    "data",
    [
        columns([Paid(payer="甲乙")]).encode().replace("乙".encode(), "乙".encode()[:2]),
        columns([Paid(payer="甲乙")]).encode("cp950").replace("乙".encode("cp950"), b"\xfa\x40"),
    ],
    ids=["cut in two", "a character of the bank's own"],
)
def test_a_character_that_is_none_refuses_no_money_in_columns_either(data: bytes):
    (found,) = read(BANK_OF_TAIWAN_CSV, data).postings
    assert found.amount == 33_110
    assert found.payer.startswith("甲")
    assert "\N{REPLACEMENT CHARACTER}" in found.payer


def test_a_transaction_keeps_its_key_when_a_spreadsheet_dropped_zeros():
    plain = read(BANK_OF_TAIWAN_CSV, columns([Paid()]).replace("0000000001", "1").encode())
    assert plain.postings[0].key == read(BANK_OF_TAIWAN, fixed([Paid()])).postings[0].key


def test_a_channel_without_a_word_is_kept_as_it_stands():
    assert read(BANK_OF_TAIWAN, fixed([Paid(channel="09")])).postings[0].channel == "09"


def test_a_trailers_decimals_are_read_as_such():
    assert BANK_OF_TAIWAN.trailer is not None
    cents = replace(
        BANK_OF_TAIWAN,
        trailer=replace(BANK_OF_TAIWAN.trailer, total=Field("total", "amount", 9, 14, scale=2)),
        fields=tuple(replace(one, scale=2) if one.name == "amount" else one for one in BANK_OF_TAIWAN.fields),
    )
    assert read(cents, fixed([Paid(amount=3_311_000)])).totals == Totals(1, 33_110)
    odd = fixed([Paid(amount=3_311_000)], total=3_311_001)
    assert faults(odd, cents) == [FileFault("amount_fraction", 3, "trailer")]


def test_a_payers_name_that_was_cut_in_two_refuses_no_money():
    """39 bytes and half of a character: the bank's field was full."""
    line = Paid(payer="").line()
    cut = line[:64] + ("x" + "測" * 20).encode("cp950")[:40] + line[104:]
    trailer = f"3{1:08d}{33_110:014d}".ljust(120).encode()
    (found,) = read(BANK_OF_TAIWAN, b"\n".join([HEADER, cut, trailer])).postings
    assert found.payer == "x" + "測" * 19 + "\N{REPLACEMENT CHARACTER}"
    assert found.amount == 33_110


def test_faults_are_counted_and_the_first_thousand_listed():
    with pytest.raises(BankFileError) as caught:
        read(BANK_OF_TAIWAN, fixed(Paid(serial, amount=0) for serial in range(MOST_FAULTS + 5)))
    assert (caught.value.count, len(caught.value.faults)) == (MOST_FAULTS + 5, MOST_FAULTS)
    assert ACCOUNT not in str(caught.value)


def taishin(account: str, amount: int, sign: str = "+") -> bytes:
    head = f"0000{'':14}20261005000042 120000{'':4}{amount:011d}0{sign}C"
    return (head + f"{account:>16}{'':10}812{'':20}{'':18}0").encode()


def shin_kong(account: str, amount: int, sign: str = "+") -> bytes:
    head = f"{'':13}20261004120000{account:>16}{sign}{amount:010d}{'':10}{'':4}SA00"
    return (head + f"2026100620261005000042{'':6}{'':3}{'':25}").encode()


@pytest.mark.parametrize(
    ("layout", "line", "value_on", "channel"),
    [(TAISHIN, taishin, date(2026, 10, 5), ""), (SHIN_KONG, shin_kong, date(2026, 10, 4), "counter")],
)
def test_published_layouts_are_read_with_totals_that_are_stated(layout, line, value_on, channel):
    data = b"\n".join([line(ACCOUNT, 33_110), line(ACCOUNT, 10, "-")])
    found = read(layout, data, Totals(2, 33_100))
    assert [(one.account, one.amount, one.serial) for one in found.postings] == [
        (ACCOUNT, 33_110, "000042"), (ACCOUNT, -10, "000042"),
    ]  # fmt: skip
    assert (found.postings[0].posted_on, found.postings[0].value_on) == (date(2026, 10, 5), value_on)
    assert found.postings[0].channel == channel
    assert faults(data, layout) == [FileFault("totals_missing")]
    assert faults(data, layout, Totals(2, 1)) == [FileFault("total_differs")]


def test_what_is_stated_and_the_trailer_must_both_agree():
    assert read(BANK_OF_TAIWAN, fixed([Paid()]), Totals(1, 33_110)).totals == Totals(1, 33_110)
    assert faults(fixed([Paid()]), stated=Totals(1, 1)) == [FileFault("total_differs")]


def test_the_last_digit_of_taishins_amount_is_a_decimal_that_must_be_nought():
    line = taishin(ACCOUNT, 5).replace(b"000000000050+", b"000000000051+")
    assert faults(line, TAISHIN, Totals(1, 5)) == [FileFault("amount_fraction", 1, "amount")]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fields": BANK_OF_TAIWAN.fields[:-5]}, "fields are"),
        ({"fields": (*BANK_OF_TAIWAN.fields, Field("nobody", "text", 110, 2))}, "fields are"),
        ({"fields": tuple(replace(one, length=17) if one.name == "account" else one for one in BANK_OF_TAIWAN.fields)},
         "account and sign overlap"),
        ({"width": 103}, "beyond 103 bytes"),
        ({"detail": ""}, "a type of its own"),
        ({"header": "2"}, "a type of its own"),
        ({"header": "10"}, "all of one length"),
        ({"trailer": Trailer("3", Field("count", "amount", 1, 8), Field("total", "amount", 115, 14))}, "beyond 120"),
        ({"form": "csv"}, "has a heading"),
    ],
)  # fmt: skip
def test_a_layout_that_contradicts_itself_cannot_be(change, told):
    with pytest.raises(LayoutError, match=told):
        replace(BANK_OF_TAIWAN, **change)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_each_layout_says_where_it_is_from(layout):
    assert layout.source


payments = st.builds(
    Paid,
    serial=st.integers(0, 10**10 - 1),
    account=st.from_regex(r"[0-9]{16}", fullmatch=True),
    amount=st.integers(-(10**12) + 1, 10**12 - 1).filter(bool),
    posted_on=st.dates(date(1912, 1, 1)),
    value_on=st.dates(date(1912, 1, 1)),
    channel=st.sampled_from(["01", "02", "03"]),
    payer=st.text(st.sampled_from("甲乙丙測試Co., 龘"), max_size=10).map(str.strip),
)


@given(st.lists(payments, min_size=1, max_size=20, unique_by=lambda one: (one.serial, one.account, one.amount)))
def test_what_goes_in_comes_out(paid):
    found = read(BANK_OF_TAIWAN, fixed(replace(one, payer=one.payer.replace("龘", "龍")) for one in paid))
    assert [(one.account, one.amount, one.posted_on, one.value_on) for one in found.postings] == [
        (one.account, one.amount, one.posted_on, one.value_on) for one in paid
    ]
    assert found.totals == Totals(len(paid), sum(one.amount for one in paid))


SOUND = fixed([Paid(number, amount=1_000 + number) for number in range(1, 6)])


@settings(max_examples=300)
@given(st.integers(0, len(SOUND) - 1), st.integers(0, 255))
def test_one_byte_that_changed_on_its_way_never_changes_an_amount_unseen(at, byte):
    changed = SOUND[:at] + bytes([byte]) + SOUND[at + 1 :]
    try:
        found = read(BANK_OF_TAIWAN, changed)
    except BankFileError:
        return
    assert [one.amount for one in found.postings] == [1_001, 1_002, 1_003, 1_004, 1_005]


@settings(max_examples=200)
@given(st.sampled_from(list(LAYOUTS.values())), st.binary(max_size=400), st.booleans())
def test_whatever_comes_is_read_or_refused(layout, data, stated):
    found: BankFile | None = None
    with suppress(BankFileError):
        found = read(layout, data, Totals(0, 0) if stated else None)
    assert found is None or found.totals.total == sum(one.amount for one in found.postings)


def test_control_without_control_totals_a_lost_line_would_not_be_seen(monkeypatch):
    lost = fixed([Paid(1), Paid(2)]).replace(Paid(2).line() + b"\r\n", b"")
    assert faults(lost) == [FileFault("count_differs"), FileFault("total_differs")]
    monkeypatch.setattr(reading, "_check_totals", lambda *_: None)
    assert read(BANK_OF_TAIWAN, lost).totals == Totals(1, 33_110)
