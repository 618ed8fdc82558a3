"""Charsets: BOM, declared, strict UTF-8, CP950 with its gaps; nothing is ever replaced (contract.md, design.md 11)."""

import contextlib
import tracemalloc

import pytest

from roster.intake.charset import decode, decode_cp950, undefined_in
from roster.intake.faults import IntakeRejected
from roster.intake.reading import JSON, NDJSON
from tests.roster.intake_corpus.files import refusal, student, take, to_csv, to_json, to_ndjson

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
    ],
)
def test_what_cannot_be_read_is_refused_as_a_type(data: bytes, declared: str | None, code: str) -> None:
    with pytest.raises(IntakeRejected) as caught:
        decode(data, declared)
    assert (caught.value.kind, caught.value.code) == ("type", code)


@pytest.mark.rule("RO-06", "RO-07")
@pytest.mark.parametrize(
    ("data", "declared", "charset"),
    [
        (TEXT.encode("cp950"), "utf-8", "utf-8"),
        (TEXT.encode("utf-8-sig") + b"\xff", None, "utf-8"),
        # one damaged byte must not turn a UTF-8 file into Big5 nonsense
        (TEXT.encode()[:-4] + b"\xe5", None, "utf-8"),
        (b"name\r\n\x80\xff\r\n", None, "cp950"),
        (b"name\r\n\xa4", "big5", "cp950"),
        (b"name\r\n\xa3\xc0\r\n", "big5", "cp950"),
    ],
)
def test_bytes_that_mean_nothing_are_marked_and_not_replaced(data: bytes, declared: str | None, charset: str) -> None:
    decoded = decode(data, declared)
    assert (decoded.charset, decoded.undefined, undefined_in(decoded.text)) == (charset, True, True)
    assert not {"?", "\ufffd"} & set(decoded.text)


@pytest.mark.rule("RO-06", "RO-07")
@pytest.mark.parametrize(
    ("wrong", "declared"),
    [
        (b"\xa3\xc0", "big5"),
        (b"\xa4", "big5"),
        (b"\xff", None),
        (b"\x80", None),
        (b"\xa3\xfe", None),
    ],
)
def test_undefined_bytes_are_faulty_cells_with_row_and_column(wrong: bytes, declared: str | None) -> None:
    rows = [student(1), student(2, name="王@", department="系@"), student(3)]
    headings = {"name": "姓名", "national_id": "身分證字號"}
    data = to_csv(rows, headings=headings).encode("cp950").replace(b"@", wrong)
    error = refusal(data, charset=declared)
    told = [(fault.row, fault.column, fault.code, fault.value) for fault in error.faults]
    assert told == [(3, "姓名", "undefined_bytes", None), (3, "department", "undefined_bytes", None)]
    assert error.kind == "content"


@pytest.mark.rule("RO-06", "RO-07")
def test_damaged_utf8_is_a_faulty_cell_and_hides_no_other_fault() -> None:
    data = to_csv([student(1, name="王@"), student(2, level="phd")]).encode().replace(b"@", b"\xe7\x8e")
    error = refusal(data)
    assert [(f.row, f.column, f.code) for f in error.faults] == [
        (2, "name", "undefined_bytes"),
        (3, "level", "level_unknown"),
    ]


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("charset", ["utf-8", "big5"])
def test_a_file_in_another_charset_than_the_one_told_is_refused_once_and_not_cell_by_cell(charset: str) -> None:
    data = to_csv([student(n, name="王堉明") for n in range(50)]).encode("euc-jp", "replace")
    if charset == "big5":
        data = b"name\r\n" + bytes(range(0x80, 0x81)) * 500
    error = refusal(data, charset=charset)
    assert (error.kind, error.code, error.faults[0].row) == ("type", "charset_undecodable", 2)


@pytest.mark.rule("RO-06")
def test_a_file_without_headings_in_an_unknown_charset_is_refused_as_a_type_with_its_line() -> None:
    error = refusal("first\r\nnév,név\r\n".encode("latin-1").replace(b"first", b"a,b\xff"))
    assert (error.kind, error.code, error.faults[0].row) == ("type", "charset_undecodable", 1)


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
def test_every_pair_of_bytes_has_one_character_or_none() -> None:
    """All 19,782 of CP950: Microsoft's characters, the user's own, and 62 that nobody defined."""
    own: list[str] = []
    microsofts: list[str] = []
    undefined: list[bytes] = []
    for lead in range(0x81, 0xFF):
        for trail in (*range(0x40, 0x7F), *range(0xA1, 0xFF)):
            pair = bytes((lead, trail))
            try:
                char = decode_cp950(pair)
            except UnicodeDecodeError:
                undefined.append(pair)
                assert undefined_in(decode(b"name\r\n" + pair, "cp950").text)
                continue
            assert len(char) == 1
            (own if "\ue000" <= char <= "\uf8ff" or char in "堃喆峯" else microsofts).append(char)
    # FA40-FEFE, 8E40-A0FE, 8140-8DFE and C6A1-C8FE: 6,217 codes, three of which are the gaps.
    assert (len(own), len(microsofts), len(undefined)) == (6_217, 13_503, 62)
    assert len(set(own)) == len(own)
    assert decode_cp950(b"\xc6\xa1") == "\uf6b1"


@pytest.mark.rule("RO-06")
def test_user_defined_characters_in_a_name_are_kept_and_mentioned() -> None:
    data = to_csv([student(name="王@明")]).encode("cp950").replace(b"@", b"\xfa\x41")
    taken = take(data, charset="big5")
    assert taken.rows[0].name == "王\ue001明"
    assert [note.code for note in taken.notes] == ["private_use_characters"]
    assert "1 個" in taken.notes[0].message
    assert "第 2 列「姓名」" in taken.notes[0].message
    assert "\ue001" not in repr(taken.notes)
    data = to_csv([student(name="王@明")]).encode("cp950").replace(b"@", b"\xfb\x69")
    taken = take(data)
    assert taken.rows[0].name == "王堃明"
    assert [note.code for note in taken.notes] == ["charset_guessed", "cp950_gap_characters"]
    assert "第 2 列「姓名」" in taken.notes[1].message


@pytest.mark.rule("RO-06")
@pytest.mark.parametrize("media", [JSON, NDJSON])
def test_user_defined_characters_are_told_in_json_too_however_they_are_written(media: str) -> None:
    write = to_json if media == JSON else to_ndjson
    data = write([student(1, name="王\ue001", remarks="\U000f0000")])
    for body in (data, data.replace("\ue001".encode(), b"\\ue001")):
        taken = take(body, media=media)
        assert taken.rows[0].name == "王\ue001"
        assert [(n.code, "2 個" in n.message, "第 1 列「備考」" in n.message) for n in taken.notes] == [
            ("private_use_characters", True, True)
        ]


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
    rows = [student(n, name="王\ue001\ue002", remarks="\U000f0000,\uf8ff") for n in range(1, 9)]
    (note,) = take(to_csv(rows)).notes
    assert note.message_en.split()[3] == "32"
    assert note.message.count("「姓名」") == note.message.count("「備考」") == 5
    assert note.message.endswith("…。")
