"""Properties: what a school writes is what is read, in every format and charset, character for character."""

import contextlib
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roster.intake.charset import decode_cp950
from roster.intake.faults import IntakeRejected
from roster.intake.reading import CSV, JSON, NDJSON, TEXT_TYPES, read_submission
from roster.intake.rows import Row
from roster.intake.rules import Level, Reporter, RosterKind
from roster.intake.sheets import child, package
from roster.intake.sheets.book import ODS, XLSX, decode_book
from roster.intake.sheets.table import read_book
from shared.places import TOWNSHIPS
from shared.roc import roc
from tests.roster.intake_corpus import names as corpus_names
from tests.roster.intake_corpus.files import (
    TODAY,
    Student,
    digest,
    national_id,
    refusal,
    student,
    take,
    to_csv,
    to_json,
    to_ndjson,
)
from tests.roster.intake_corpus.workbooks import to_ods, to_xlsx, xlsx

settings.register_profile("intake", deadline=None, max_examples=60)
_NAME_CHARS = st.one_of(
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
    st.characters(min_codepoint=0x20000, max_codepoint=0x2FA1D),  # plane 2
    st.characters(min_codepoint=0x30000, max_codepoint=0x323AF),  # plane 3
    st.characters(min_codepoint=0xF0000, max_codepoint=0xFFFFD),  # plane 15, the government's own characters
    st.sampled_from("\ue000\uf8ff・　 ,\"'"),
)
_VARIATION = st.sampled_from(["", "\ufe00", "\U000e0100", "\U000e01ef"])


@st.composite
def names(draw: st.DrawFn) -> str:
    """A hanzi, then anything that may stand in a name, with or without variation selectors."""
    first = draw(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF))
    parts = draw(st.lists(st.tuples(_NAME_CHARS, _VARIATION), max_size=12))
    return first + "".join(char + selector for char, selector in parts)


# What CP950 can write, its gaps and user-defined ranges excepted: those have no encoder.
_BIG5_NAMES = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5, codec="cp950"), min_size=1, max_size=12)
# What Python reads in C6A1 to C8FE, where Windows has the user's own characters.
_ETENS = "".join(
    char for lead in (0xC6, 0xC7) for trail in range(0xA1 if lead == 0xC6 else 0x40, 0xFF)
    for char in bytes((lead, trail)).decode("cp950", "ignore") if ord(char) > 0x7F
)  # fmt: skip
_DAYS = st.dates(date(1995, 1, 1), date(2008, 12, 31))


def students(any_name: st.SearchStrategy[str]) -> st.SearchStrategy[list[Student]]:
    def build(number: int, name: str, born: date, township: str, level: Level, as_roc: bool) -> Student:
        return student(
            number,
            name=name,
            birth_date=roc(born) if as_roc else born.isoformat(),
            county_code=township[:5],
            township_code=township,
            level=level.value,
        )

    return st.lists(
        st.builds(
            build,
            st.integers(0, 9_999_999),
            any_name,
            _DAYS,
            st.sampled_from(sorted(TOWNSHIPS)),
            st.sampled_from(Level),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda one: one["national_id"],
    )


def without_numbers(rows: tuple[Row, ...]) -> list[Row]:
    return [msgspec.structs.replace(row, number=0) for row in rows]


@pytest.mark.rule("RO-06", "RO-08")
@settings(settings.get_profile("intake"))
@given(students(names()))
def test_utf8_with_and_without_mark_json_and_its_lines_give_the_same_rows(rows: list[Student]) -> None:
    plain = take(to_csv(rows))
    marked = take(to_csv(rows).encode("utf-8-sig"))
    document = take(to_json(rows), media=JSON)
    lines = take(to_ndjson(rows), media=NDJSON)
    spaced = take(b"\xef\xbb\xbf\r\n" + to_ndjson(rows, end="\r\n \r\n").rstrip(), media=NDJSON)
    assert lines.rows == document.rows
    assert [row.number for row in spaced.rows] == [2 + 2 * at for at in range(len(rows))]
    assert without_numbers(spaced.rows) == without_numbers(lines.rows)
    assert plain.rows == marked.rows
    assert without_numbers(plain.rows) == without_numbers(document.rows)
    assert [row.name for row in plain.rows] == [row["name"] for row in rows]
    assert digest(plain.rows) == digest(reversed(document.rows))


@pytest.mark.rule("RO-06", "RO-08")
@settings(settings.get_profile("intake"))
@given(corpus_names.students(corpus_names.NAMES))
def test_sheets_give_the_same_rows_as_text(rows: list[Student]) -> None:
    text = take(to_csv(rows))
    for data, media in ((to_xlsx(rows), XLSX), (xlsx(rows), XLSX), (to_ods(rows), ODS)):
        package.look_at(data, media)
        book = decode_book(child.work(data, [media]))
        read = read_book(book, RosterKind.APPLICATION, Reporter.SCHOOL, TODAY)
        assert read.rows == text.rows
        assert [row.name for row in read.rows] == [row["name"] for row in rows]
        assert digest(read.rows) == digest(text.rows)


@pytest.mark.rule("RO-06", "RO-08")
@settings(settings.get_profile("intake"))
@given(students(_BIG5_NAMES), st.sampled_from([None, "big5", "cp950"]))
def test_cp950_gives_the_same_rows_as_utf8(rows: list[Student], charset: str | None) -> None:
    text = to_csv(rows, headings={"name": "姓名", "national_id": "身分證字號"})
    big5 = take(text.encode("cp950"), charset=charset)
    assert big5.charset == "cp950"
    assert big5.rows == take(text).rows


@settings(settings.get_profile("intake"))
@given(st.text(st.characters(codec="cp950", exclude_characters="¢£¥•‾∼☉♁､" + _ETENS), max_size=200))
def test_our_cp950_is_pythons_but_for_the_users_own_range(text: str) -> None:
    data = text.encode("cp950")
    assert decode_cp950(data) == data.decode("cp950")


@settings(settings.get_profile("intake"), max_examples=300)
@given(
    st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode)),
    st.sampled_from(TEXT_TYPES),
    st.sampled_from([None, "utf-8", "big5", "utf-16", "x"]),
    st.sampled_from(RosterKind),
)
def test_any_bytes_are_a_submission_or_a_refusal(
    data: bytes, media: str, charset: str | None, kind: RosterKind
) -> None:
    with contextlib.suppress(IntakeRejected):
        read_submission(data, media, charset, kind, Reporter.SCHOOL, TODAY)


_CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(settings.get_profile("intake"), max_examples=200)
@given(st.dictionaries(st.sampled_from(sorted(student(1))), _CELLS, min_size=1, max_size=6))
def test_any_cells_are_read_or_refused_alike_in_every_format(changes: dict[str, str]) -> None:
    row = student(1) | changes
    told: list[object] = []
    for data, media in ((to_csv([row]).encode(), CSV), (to_json([row]), JSON), (to_ndjson([row]), NDJSON)):
        try:
            told.append([msgspec.structs.replace(one, number=0) for one in take(data, media=media).rows])
        except IntakeRejected as error:
            if error.kind != "content":
                # NUL ends the reading of a CSV; in JSON it is escaped and reaches the cell.
                assert "\0" in "".join(changes.values())
                return
            told.append([(fault.code, fault.column) for fault in error.faults])
    assert told[0] == told[1] == told[2]


@settings(settings.get_profile("intake"), max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            [
                '{"name": "王小明"}', "", "   ", "{", "[1]", "3", '{"a":1,"a":2}', '{"name": "\\ud842"}', "NaN",
                '{"class_year": NaN}', "[" * 2_000, '{"name":"甲"} {"name":"乙"}', '"', "\u2028", "null",
            ]
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)  # fmt: skip
def test_every_line_has_its_result_whatever_stands_in_the_others(lines: list[str], end: str, ended: bool) -> None:
    """A fault of a line is the one that the line alone would earn, under its own number."""
    data = (end.join(lines) + (end if ended else "")).encode()
    found = refusal(data, media=NDJSON)
    alone: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if line.strip(" "):
            alone += [(number, fault.code) for fault in refusal(line, media=NDJSON).faults]
    if alone:
        assert [(fault.row, fault.code) for fault in found.faults] == alone
    else:
        assert found.code == "file_empty"


def test_a_hundred_men_have_a_hundred_ids() -> None:
    assert len({national_id(number) for number in range(100)}) == 100
