"""Charsets: BOM, declared, strict UTF-8, CP950 with its gaps; nothing is ever replaced (contract.md, design.md 11)."""

import contextlib
import tracemalloc

import pytest

from roster.intake.charset import decode, decode_cp950, private_use_note
from roster.intake.faults import IntakeRejected
from tests.roster.intake_corpus.files import refusal, student, take, to_csv

TEXT = "姓名,系科\r\n王小明,資訊工程學系\r\n"


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("data", "declared", "charset"),
    [
        (TEXT.encode(), None, "utf-8"),
        (TEXT.encode("utf-8-sig"), None, "utf-8"),
        (TEXT.encode("cp950"), None, "cp950"),
        (TEXT.encode(), "utf-8", "utf-8"),
        (TEXT.encode(), '"UTF8"', "utf-8"),
        (TEXT.encode("cp950"), "Big5", "cp950"),
        (TEXT.encode("cp950"), "ms950", "cp950"),
        # the mark goes before what is declared
        (TEXT.encode("utf-8-sig"), "big5", "utf-8"),
    ],
)
def test_the_order_is_mark_declared_utf8_cp950(data: bytes, declared: str | None, charset: str) -> None:
    decoded = decode(data, declared)
    assert (decoded.text, decoded.charset) == (TEXT, charset)


@pytest.mark.rule("RO-06")
def test_what_is_declared_is_not_second_guessed() -> None:
    # These two bytes are é in UTF-8 and 矇 in Big5.
    assert decode("é".encode(), "big5").text == "矇"
    assert decode("é".encode(), None).text == "é"


@pytest.mark.rule("RO-06")
def test_a_guess_is_told() -> None:
    assert [note.code for note in decode(TEXT.encode("cp950"), None).notes] == ["charset_guessed"]
    assert decode(TEXT.encode("cp950"), "big5").notes == ()


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("data", "declared", "code"),
    [
        (TEXT.encode("utf-16"), None, "charset_utf16"),
        (TEXT.encode("utf-16-be"), "utf-16be", "charset_utf16"),
        ("\ufeff".encode("utf-16-be") + TEXT.encode("utf-16-be"), None, "charset_utf16"),
        (TEXT.encode("utf-32"), None, "charset_utf16"),
        (TEXT.encode("gb18030"), "gb18030", "charset_unsupported"),
        (TEXT.encode(), "no-such-charset", "charset_unsupported"),
        (TEXT.encode("cp950"), "utf-8", "charset_undecodable"),
        (TEXT.encode("utf-8-sig") + b"\xff", None, "charset_undecodable"),
        # one damaged byte must not turn a UTF-8 file into Big5 nonsense
        (TEXT.encode()[:-4] + b"\xe5", None, "charset_undecodable"),
        (b"name\r\n\x80\xff\r\n", None, "charset_undecodable"),
        (b"name\r\n\xa4", "big5", "charset_undecodable"),
        (b"name\r\n\xa3\xc0\r\n", "big5", "charset_undecodable"),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_type(data: bytes, declared: str | None, code: str) -> None:
    with pytest.raises(IntakeRejected) as caught:
        decode(data, declared)
    assert (caught.value.kind, caught.value.code) == ("type", code)


@pytest.mark.rule("RO-06")
def test_the_line_of_undecodable_bytes_is_named() -> None:
    error = refusal(to_csv([student(1), student(2)]).encode("cp950") + b"\xff\xff", charset="big5")
    assert error.faults[0].row == 4


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    ("code", "char"),
    [
        # the gaps, by their Big5-HKSCS codes (WHATWG Encoding Standard, "Big5")
        (b"\xfb\x69", "堃"),
        (b"\xfb\x46", "喆"),
        (b"\xfb\xdf", "峯"),
        # ETEN's seven, which CP950 has
        (b"\xf9\xd6", "碁"),
        (b"\xf9\xda", "恒"),
        # first and last of each user-defined range, as Microsoft maps them
        (b"\xfa\x40", "\ue000"),
        (b"\xfe\xfe", "\ue310"),
        (b"\x8e\x40", "\ue311"),
        (b"\xa0\xfe", "\ueeb7"),
        (b"\x81\x40", "\ueeb8"),
        (b"\x8d\xfe", "\uf6b0"),
        (b"\xc8\xfe", "\uf848"),
        (b"\xfa\xa1", "\ue03f"),
    ],
)
def test_gaps_and_user_defined_characters(code: bytes, char: str) -> None:
    assert decode_cp950(b"A" + code + b"B") == f"A{char}B"


@pytest.mark.rule("RO-06")
def test_every_user_defined_code_has_a_character_of_its_own() -> None:
    trails = (*range(0x40, 0x7F), *range(0xA1, 0xFF))
    leads = (*range(0x81, 0xA1), *range(0xFA, 0xFF))
    chars = {decode_cp950(bytes((lead, trail))) for lead in leads for trail in trails}
    assert len(chars) == len(leads) * len(trails)
    assert not chars & {"?", "\ufffd"}


@pytest.mark.rule("RO-06")
def test_user_defined_characters_in_a_name_are_kept_and_mentioned() -> None:
    data = to_csv([student(name="王@明")]).encode("cp950").replace(b"@", b"\xfa\x41")
    taken = take(data, charset="big5")
    assert taken.rows[0].name == "王\ue001明"
    assert [note.code for note in taken.notes] == ["private_use_characters"]
    data = to_csv([student(name="王@明")]).encode("cp950").replace(b"@", b"\xfb\x69")
    assert take(data).rows[0].name == "王堃明"


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param("\ue001".encode() * 100_000, id="private use in one run"),
        pytest.param("\ue001,".encode() * 100_000, id="private use in many runs"),
        pytest.param("王,".encode() * 100_000 + b"\xff", id="one damaged byte"),
        pytest.param("王".encode("cp950") * 100_000, id="Big5"),
    ],
)
def test_characters_are_counted_without_a_copy_of_each(data: bytes) -> None:
    """What is found is counted and let go: a list of it would take twenty times the file."""
    tracemalloc.start()
    try:
        with contextlib.suppress(IntakeRejected):
            decode(data, None)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * len(data)


def test_every_private_use_character_is_counted() -> None:
    note = private_use_note("\ue001\ue002王\U000f0000,\uf8ff")
    assert [n.message_en.split()[3] for n in note] == ["4"]
