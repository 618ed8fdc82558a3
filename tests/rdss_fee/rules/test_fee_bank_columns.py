"""A sound file is read column by column as it would be line by line, and any other is left to that (FE-32)."""

from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rdss_fee.bankfiles import columns
from rdss_fee.bankfiles.layouts import BANK_OF_TAIWAN, BANK_OF_TAIWAN_CSV, LAYOUTS, SHIN_KONG, TAISHIN, Layout
from rdss_fee.bankfiles.reading import BankFileError, Faults, Totals, by_line, read
from tests.rdss_fee.bank import Paid, file_of

pytestmark = pytest.mark.rule("FE-32")

SOUND = file_of(*(Paid("7006021151000014", 1_000 + n, n, payer="甲公司") for n in range(1, 5)), Paid("1" * 16, -7, 9))


def shin_kong(account: str, amount: int, serial: int) -> bytes:
    head = f"{'':13}20261004120000{account:>16}+{amount:010d}{'':10}{'':4}SA00"
    return (head + f"2026100620261005{serial:06d}{'':6}{'':3}{'':25}").encode()


def taishin(account: str, amount: int, serial: int) -> bytes:
    head = f"0000{'':14}20261005{serial:06d} 120000{'':4}{amount:011d}0+C"
    return (head + f"{account:>16}{'':10}812{'':20}{'':18}0").encode()


def same(layout: Layout, data: bytes) -> bool:
    """Whether it was read by columns; then it has to be what the lines say, without a fault."""
    found = columns.read(layout, data)
    if found is None:
        return False
    faults = Faults()
    lines = by_line(layout, data, faults)
    assert (found[0], found[1]) == (lines.postings, lines.trailer)
    assert faults.count == 0
    return True


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("ended", [b"", b"\x1a"])
def test_a_sound_file_is_read_by_columns_however_its_lines_end(end: bytes, last: bool, ended: bytes):
    data = SOUND.replace(b"\r\n", end)
    assert same(BANK_OF_TAIWAN, (data if last else data.removesuffix(end)) + ended)


@pytest.mark.parametrize(("layout", "line"), [(TAISHIN, taishin), (SHIN_KONG, shin_kong)])
def test_other_layouts_are_too(layout: Layout, line):
    data = b"\n".join(line("7006021151000014", 100 + n, n) for n in range(1, 4))
    assert same(layout, data)
    assert read(layout, data, Totals(3, 306)).totals.count == 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        file_of(),
        SOUND.replace(b"\r\n2", b"\n2", 1),
        SOUND.replace("甲".encode("cp950"), b"\r\n", 1),
        SOUND.replace(b"0000001001", b"1O00001001", 1),
        SOUND.replace(b"+000000001001", b"+000000000000"),
        SOUND.replace(b"20260914", b"20261332", 1),
        SOUND.replace(b"+", b"x", 1),
        SOUND.replace(b"0000000002", b"0000000001").replace(b"000000001002", b"000000001001"),
        SOUND.replace(b"\r\n300000005", b"\r\n30000000O"),
        SOUND + b"\r\n",
        SOUND.removeprefix(b"1".ljust(120) + b"\r\n"),
    ],
)
def test_any_other_is_left_to_the_lines(data: bytes):
    assert columns.read(BANK_OF_TAIWAN, data) is None


def test_columns_are_for_lines_of_one_width():
    assert columns.read(BANK_OF_TAIWAN_CSV, SOUND) is None


@settings(max_examples=400)
@given(st.integers(0, len(SOUND) - 1), st.binary(min_size=1, max_size=3), st.booleans())
@example(0, b"2", False)
def test_whatever_changes_both_say_the_same(at: int, put: bytes, instead: bool):
    """A byte or three put in or in the place of others, anywhere in the file."""
    data = SOUND[:at] + put + SOUND[at + (len(put) if instead else 0) :]
    same(BANK_OF_TAIWAN, data)


rows = st.builds(
    Paid,
    st.from_regex(r"[0-9]{16}", fullmatch=True),
    st.integers(-(10**12) + 1, 10**12 - 1).filter(bool),
    st.integers(0, 10**10 - 1),
    st.dates(date(1912, 1, 1)),
    st.dates(date(1912, 1, 1)),
    st.sampled_from(["01", "02", "03", "99"]),
    st.text(st.sampled_from("甲乙丙測試Co., "), max_size=10).map(str.strip),
)


@given(st.lists(rows, min_size=1, max_size=12))
def test_whatever_was_paid_both_say_the_same(paid: list[Paid]):
    data = file_of(*paid)
    try:
        read(BANK_OF_TAIWAN, data)
    except BankFileError:
        assert columns.read(BANK_OF_TAIWAN, data) is None
        return
    assert same(BANK_OF_TAIWAN, data)


@settings(max_examples=200)
@given(st.sampled_from(list(LAYOUTS.values())), st.binary(max_size=400))
def test_whatever_comes_is_no_reason_to_fall(layout: Layout, data: bytes):
    same(layout, data)


def test_control_a_reader_that_drops_signs_is_found(monkeypatch: pytest.MonkeyPatch):
    column = columns._column

    def unsigned(one, layout, cells):
        return [""] * len(cells) if one.name == "sign" else column(one, layout, cells)

    monkeypatch.setattr(columns, "_column", unsigned)
    with pytest.raises(AssertionError):
        same(BANK_OF_TAIWAN, SOUND)
