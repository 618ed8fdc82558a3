"""What other services' texts may do to a message: nothing (NO-05)."""

import re
import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.channels.email import Letter, compose
from notify.directory.schemas import usable
from notify.reading import told
from tests.notify.support import START

CASES = [
    ("國立臺灣大學", "國立臺灣大學"),
    ("  兩   頭 ", "兩 頭"),
    ("一\r\nBcc: x@y.test", "一 Bcc: x@y.test"),
    ("一\u2028二\u2029三\x85四\x0b五", "一 二 三 四 五"),
    ("查 A123456789。", "查 A12****789。"),
    # Full width, and parted by what nobody sees.
    ("Ａ１２３４５６７８９", "A12****789"),
    ("A1234\u200b56789", "A12****789"),
    ("A\u00ad123456789\u2060", "A12****789"),
    ("\u202e甲\u202c", "甲"),
    # Rare names stay as they are: beyond the BMP, with an ideographic variation.
    ("𠮷\U000e0100堃", "𠮷\U000e0100堃"),
]


@pytest.mark.rule("NO-05")
@pytest.mark.parametrize("text, expected", CASES)
def test_told(text, expected):
    assert told(text) == expected


@pytest.mark.rule("NO-05")
@given(st.text(max_size=200))
def test_whatever_comes_is_one_visible_line_without_an_id(text):
    line = told(text)
    assert not [c for c in line if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]
    assert len(line.splitlines()) <= 1
    assert told(line) == line
    assert not re.search(r"(?<![0-9A-Za-z])[A-Z][1289A-D][0-9]{8}(?![0-9A-Za-z])", line)


@pytest.mark.rule("NO-06")
@given(
    subject=st.text(min_size=1, max_size=200).map(told),
    name=st.text(max_size=200).map(told),
    body=st.text(max_size=300),
)
def test_any_letter_is_a_mail_with_our_headers_only(subject, name, body):
    letter = Letter(uuid.UUID(int=1), "batch_submitted", 1, START, "a@example.test", name, subject, body)
    raw = compose(letter, "muster@localhost").as_bytes()
    head, _, _ = raw.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    assert names == [
        b"Message-ID",
        b"Date",
        b"From",
        b"To",
        b"Subject",
        b"List-Id",
        b"Auto-Submitted",
        b"X-Muster-Template",
        b"Content-Type",
        b"Content-Transfer-Encoding",
        b"MIME-Version",
        b"Content-Language",
    ]
    assert raw == compose(letter, "muster@localhost").as_bytes()


@pytest.mark.parametrize("field", ["subject", "to_name", "to_address"])
def test_a_line_break_in_a_header_is_refused(field):
    values = {"subject": "a", "to_name": "b", "to_address": "a@example.test"} | {field: "a@b.test\r\nBcc: evil@b.test"}
    letter = Letter(uuid.UUID(int=1), "batch_submitted", 1, START, body="x", **values)
    with pytest.raises(ValueError):
        compose(letter, "muster@localhost")


@pytest.mark.parametrize(
    "address, good",
    [
        ("a@example.test", True),
        ("first.last+tag@sub.example.test", True),
        ("muster@localhost", True),
        ("", False),
        ("a", False),
        ("a@", False),
        ("@b", False),
        ("a@b@c", False),
        ("a b@c", False),
        ("a@b\n", False),
        ("a@b,c@d", False),
        ("<a@b>", False),
        ('"a b"@c', False),
        ("名@example.test", False),
        ("a@例.test", False),
        ("a@-b", False),
        ("a@b-", False),
        ("a" * 65 + "@b", False),
        ("a@" + "b" * 191, False),
    ],
)
def test_usable_addresses(address, good):
    assert usable(address) == (address if good else None)
