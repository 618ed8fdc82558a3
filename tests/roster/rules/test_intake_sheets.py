"""Cells of spreadsheets: read as what they mean, or faulty in words; what a program did to them is never guessed."""

import contextlib
import io
import zipfile
from datetime import date
from typing import Any

import pytest

from roster.intake.faults import IntakeRejected
from roster.intake.reading import Submission
from roster.intake.rules import Reporter, RosterKind
from roster.intake.sheets import child, package
from roster.intake.sheets.book import ODS, XLSX, Day, decode_book, decode_refusal
from roster.intake.sheets.formats import shown
from roster.intake.sheets.table import letters, read_book
from shared.child_main import Refused
from tests.roster.intake_corpus.files import TODAY, student
from tests.roster.intake_corpus.workbooks import (
    ods_parts,
    ods_table,
    styles,
    text_cell,
    to_ods,
    to_xlsx,
    xlsx,
    xlsx_of,
    xlsx_parts,
    xlsx_rows,
    zipped,
)

pytestmark = pytest.mark.rule("RO-06", "RO-07")


def take(data: bytes, media: str = XLSX, kind: RosterKind = RosterKind.APPLICATION) -> Submission:
    """All that is done to a file, without the process of its own."""
    package.look_at(data, media)
    try:
        answer = child.work(data, [media])
    except Refused as refused:
        raise package.told(decode_refusal(refused.payload)) from None
    return read_book(decode_book(answer), kind, Reporter.SCHOOL, TODAY)


def refusal(data: bytes, media: str = XLSX, **options: Any) -> IntakeRejected:
    with pytest.raises(IntakeRejected) as caught:
        take(data, media, **options)
    return caught.value


def in_xlsx(field: str, cell: str, *formats: str, **options: str) -> bytes:
    """A student whose cell of `field` is that XML, `@` standing for where it is."""
    return xlsx([student(1, remarks="") | {field: cell}], styles=styles(*formats), **options)


def in_ods(field: str, cell: str) -> bytes:
    return zipped(ods_parts(ods_table([student(1, remarks="") | {field: cell}])))


def number(value: str, style: int = 0) -> str:
    return f'<c r="@" s="{style}"><v>{value}</v></c>'


def text(content: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}>{content}</table:table-cell>'


def of_kind(kind: str, value: str, text: str = "", more: str = "") -> str:
    attribute = {"float": "value", "date": "date-value", "boolean": "boolean-value", "time": "time-value"}[kind]
    return (
        f'<table:table-cell office:value-type="{kind}" office:{attribute}="{value}" {more}><text:p>{text}</text:p>'
        "</table:table-cell>"
    )


BORN = date(2006, 1, 31)


@pytest.mark.parametrize(
    "cell, formats",
    [
        (number("950131"), ()),  # a leading zero lost: 095/01/31
        (number("950131.0"), ()),
        (number("20060131"), ()),
        (number("9.50131E+5"), ()),
        (number("950131", 1), ("0000000",)),
        (number("38748", 1), ("yyyy/mm/dd",)),
        (number("38748", 1), ("[$-404]e/mm/dd;@",)),  # the ROC calendar of zh-TW
        (number("38748", 1), ('[$-404]e"年"m"月"d"日"',)),
        (number("38748", 1), ("[Red]yyyy-mm-dd",)),
        ('<c r="@" t="d"><v>2006-01-31</v></c>', ()),
        ('<c r="@" t="d"><v>2006-01-31T00:00:00</v></c>', ()),
        ('<c r="@" t="str"><f>TEXT(A9,"e/m/d")</f><v>95/01/31</v></c>', ()),
        (text_cell("@", "095.01.31"), ()),
    ],
)
def test_a_day_is_read_however_the_program_keeps_it(cell: str, formats: tuple[str, ...]) -> None:
    assert take(in_xlsx("birth_date", cell, *formats)).rows[0].birth_date == BORN


def test_the_two_calendars_of_spreadsheets() -> None:
    since_1904 = '<workbookPr date1904="1"/>'
    assert take(in_xlsx("birth_date", number("37286", 1), "yyyy-m-d", properties=since_1904)).rows[0].birth_date == BORN
    # 1900 had no 29 February, which is day 60 all the same; the days before it count from the day before.
    for days, found in (("1", "1900-01-01"), ("59", "1900-02-28"), ("61", "1900-03-01")):
        book = decode_book(child.work(in_xlsx("birth_date", number(days, 1), "yyyy-m-d"), [XLSX]))
        assert Day(found) in book.sheets[0].rows[1][1]
    for days in ("60", "0", "-1", "99999999"):
        error = refusal(in_xlsx("birth_date", number(days, 1), "yyyy-m-d"))
        assert [(f.code, f.column, f.row) for f in error.faults] in (
            [("date_impossible", "birth_date", 2)],
            [("cell_is_moment", "birth_date", 2)],
        )


@pytest.mark.parametrize(
    "field, cell, formats, code",
    [
        ("birth_date", number("38748"), (), "date_as_number"),
        ("expected_graduation_on", number("46203"), (), "date_as_number"),
        ("expected_graduation_on", number("117.1"), (), "number_inexact"),  # was 117.10 typed, or 117.1?
        ("birth_date", number("34730", 1), ("yy/mm/dd",), "date_two_digit_year"),  # shows 95/01/31, is 1995
        ("birth_date", number("38747.6667", 1), ("yyyy/m/d",), "cell_is_moment"),  # midnight, written in UTC
        ("birth_date", number("0.5", 1), ("hh:mm",), "cell_is_moment"),
        ("student_no", number("38748", 1), ("yyyy/m/d",), "cell_is_date"),
        ("student_no", number("1234567890123456789"), (), "number_inexact"),
        ("student_no", number("12.5"), (), "number_inexact"),
        ("student_no", number("13902001", 1), ('"B"00000000',), "number_dressed"),
        ("national_id", number("100000001", 1), ('"A"000000000',), "number_dressed"),
        ("national_id", number("100000001"), (), "national_id_format"),
        ("name", number("1"), (), None),
        ("name", '<c r="@" t="b"><v>1</v></c>', (), "cell_is_flag"),
        ("name", '<c r="@" t="e"><v>#N/A</v></c>', (), "cell_error"),
        ("name", '<c r="@" t="e"><f>B9</f><v>#REF!</v></c>', (), "cell_error"),
        ("name", '<c r="@"><f>B9</f></c>', (), "formula_without_value"),
        ("name", '<c r="@"><f>B9</f><v></v></c>', (), "formula_without_value"),
        ("name", '<c r="@" t="str"><f>B9</f><v></v></c>', (), "required"),
        ("name", text_cell("@", "=B9"), (), "formula"),
        ("name", text_cell("@", "王_xD842_"), (), "control_character"),
        ("name", text_cell("@", "王_x0000_"), (), "control_character"),
        ("township_code", number("9007010"), (), "township_unknown"),
    ],
)
def test_what_cannot_be_known_is_faulty_with_its_place(
    field: str, cell: str, formats: tuple[str, ...], code: str | None
) -> None:
    data = in_xlsx(field, cell, *formats)
    if code is None:
        assert getattr(take(data).rows[0], field) == "1"
        return
    error = refusal(data)
    assert [(f.sheet, f.row, f.column, f.code) for f in error.faults] == [("名冊", 2, field, code)]
    assert error.faults[0].message
    assert error.faults[0].message_en


def test_what_was_found_is_shown_masked_as_a_text_would_be() -> None:
    rows = [
        student(1, remarks="")
        | {
            "birth_date": number("38748"),
            "student_no": number("13902001.5"),
            "enrolled_on": number("45544"),
            "name": '<c r="@" t="e"><v>#N/A</v></c>',
        }
    ]
    told = {fault.column: fault.value for fault in refusal(xlsx(rows)).faults}
    assert told == {"birth_date": "387**", "student_no": "13********", "enrolled_on": "45544", "name": None}


def test_numbers_and_flags_where_a_column_holds_them() -> None:
    row = student(1, overseas_compatriot="") | {
        "nominal_years": number("4"),
        "class_year": number("3.0"),
        "overseas_compatriot": '<c r="@" t="b"><v>0</v></c>',
        "county_code": number("63000"),
        "expected_graduation_on": number("11706"),
    }
    found = take(xlsx([row]))
    read = found.rows[0]
    assert (read.nominal_years, read.class_year, read.overseas_compatriot, read.county_code) == (4, 3, False, "63000")
    assert read.expected_graduation_on == date(2028, 6, 30)
    # No zero of a code can be lost unseen: it would be no code.
    assert found.notes == ()


def test_a_student_number_keeps_its_zeros_or_says_that_they_are_lost() -> None:
    kept = take(in_xlsx("student_no", number("123", 1), "00000000"))
    assert (kept.rows[0].student_no, kept.notes) == ("00000123", ())
    told = take(in_xlsx("student_no", number("13902001")))
    assert told.rows[0].student_no == "13902001"
    assert [note.code for note in told.notes] == ["numbers_as_text"]
    assert "名冊!2「student_no」" in told.notes[0].message
    rows = [student(1) | {"student_no": number("13902001")}, student(2) | {"student_no": number("9902001")}]
    error = refusal(xlsx(rows))
    assert [(f.row, f.column, f.code) for f in error.faults] == [(3, "student_no", "number_zeros_lost")]


def test_escapes_rich_text_and_readings() -> None:
    strings = (
        "<si><r><t>王</t></r><r><rPr><b/></rPr><t xml:space='preserve'> 小</t></r></si>"
        "<si><t>王_x5C0F_</t><rPh sb='0' eb='1'><t>ㄨㄤ</t></rPh></si>"
        "<si><t>_x005F_x5C0F_</t></si><si><t>王_xD842__xDFB7_</t></si>"
    )
    for index, name in enumerate(["王 小", "王小", "_x5C0F_", "王𠮷"]):
        data = in_xlsx("name", f'<c r="@" t="s"><v>{index}</v></c>', strings=strings)
        assert take(data).rows[0].name == name


def test_formulas_hidden_rows_and_titles_are_told() -> None:
    rows = xlsx_rows([student(1) | {"name": '<c r="@" t="str"><f>B9</f><v>王</v></c>'}], first=3)
    rows = '<row r="1">' + text_cell("A1", "國立臺灣大學115學年度第1學期申請緩徵學生名冊") + "</row>" + rows
    data = zipped(xlsx_parts(rows.replace('<row r="4">', '<row r="4" hidden="1">')))
    found = take(data)
    assert [note.code for note in found.notes] == ["title_skipped", "formula_values", "hidden_rows_read"]
    assert found.rows[0].number == 4


def test_combined_cells() -> None:
    over_title = '<mergeCells><mergeCell ref="A1:N1"/></mergeCells>'
    rows = '<row r="1">' + text_cell("A1", "名冊") + "</row>" + xlsx_rows([student(1), student(2)], first=2)
    assert len(take(zipped(xlsx_parts(rows, after=over_title))).rows) == 2
    error = refusal(
        xlsx([student(1), student(2, department="")], after='<mergeCells><mergeCell ref="J2:J3"/></mergeCells>')
    )
    assert [(f.row, f.column, f.code) for f in error.faults] == [(3, "department", "cell_covered")]
    # Whole columns, past what anybody filled.
    everything = '<mergeCells><mergeCell ref="Z1:XFD1048576"/></mergeCells>'
    assert len(take(xlsx([student(1)], after=everything)).rows) == 1


def test_which_sheets_are_read() -> None:
    names = list(student(1))
    sheets = {
        "說明": [["請依格式填寫"], ["欄位", "說明"]],
        "填寫須知": [["欄位", "備註"], ["姓名", "請填全名"]],
        "甲": [names, list(student(1).values())],
        "乙": [["進修部"], names, [], list(student(2).values())],
    }
    found = take(xlsx_of(sheets))
    assert [row.number for row in found.rows] == [2, 6]
    assert [found.place(row.number) for row in found.rows] == [("甲", 2), ("乙", 4)]
    assert [note.code for note in found.notes] == ["title_skipped", "sheets_read", "sheets_skipped"]
    # Students without headings are not passed over.
    error = refusal(xlsx_of(sheets | {"丙": [list(student(3).values())]}))
    assert [(f.sheet, f.row, f.code) for f in error.faults] == [("丙", 1, "heading_missing")]
    assert student(3)["national_id"] not in repr(error)


def test_a_hidden_sheet_is_not_read_and_that_is_told() -> None:
    data = zipped(xlsx_parts(xlsx_rows([student(1)]), sheet='state="hidden"'))
    assert refusal(data).code == "file_empty"
    hidden = (
        '<style:style style:name="h" style:family="table"><style:table-properties table:display="false"/></style:style>'
    )
    tables = ods_table([student(1)]) + ods_table([student(2)], name="舊", attributes='table:style-name="h"')
    found = take(zipped(ods_parts(tables, automatic=hidden)), ODS)
    assert len(found.rows) == 1
    assert [note.code for note in found.notes] == ["sheets_hidden"]


def test_a_cell_outside_the_table_is_named_by_its_letter() -> None:
    error = refusal(xlsx_of({"甲": [list(student(1)), [*student(1).values(), "", "秘密"]]}))
    assert [(f.sheet, f.row, f.column, f.code) for f in error.faults] == [("甲", 2, "P", "cell_without_heading")]
    assert "秘密" not in repr(error)
    assert [letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


@pytest.mark.parametrize(
    "cell, name",
    [
        (text("<text:p>王<text:s text:c='2'/>明</text:p>"), "王  明"),
        (text("<text:p> 王\n   <text:span>明</text:span> </text:p>"), "王 明"),
        (
            text(
                "<office:annotation><text:p>註</text:p></office:annotation><text:p>王<text:ruby>"
                "<text:ruby-base>明</text:ruby-base><text:ruby-text>ㄇ</text:ruby-text></text:ruby></text:p>"
            ),
            "王明",
        ),
        (text("<text:p>王…</text:p>", "office:string-value='王明'"), "王明"),
    ],
)  # fmt: skip
def test_texts_of_ods(cell: str, name: str) -> None:
    assert take(in_ods("name", cell), ODS).rows[0].name == name


@pytest.mark.parametrize(
    "field, cell, value",
    [
        ("birth_date", of_kind("date", "2006-01-31", "95/1/31"), BORN),
        ("birth_date", of_kind("date", "2006-01-31T00:00:00", "民國95年1月31日"), BORN),
        ("birth_date", of_kind("float", "950131", "0950131"), BORN),
        ("student_no", of_kind("float", "123", "00000123"), "00000123"),
        ("student_no", of_kind("float", "13902001", "13,902,001"), "13902001"),
        ("experimental_education", of_kind("boolean", "true", "是"), True),
        ("birth_date", of_kind("date", "1995-01-31", "95/1/31"), "date_two_digit_year"),
        ("birth_date", of_kind("date", "2006-01-31T16:00:00", ""), "cell_is_moment"),
        ("birth_date", of_kind("time", "PT8H", ""), "cell_is_moment"),
        ("student_no", of_kind("float", "13902001", "B13902001"), "number_dressed"),
        ("student_no", of_kind("float", "1.5", "2"), "number_inexact"),
        ("student_no", of_kind("date", "2006-03-01", "3-1"), "cell_is_date"),
        ("name", of_kind("float", "0", "#N/A", 'table:formula="of:=NA()"'), "cell_error"),
        ("name", text("<text:p>#REF!</text:p>", "calcext:value-type='error'"), "cell_error"),
        ("name", "<table:table-cell table:formula='of:=[.B9]'/>", "formula_without_value"),
        ("name", "<table:covered-table-cell/>", "cell_covered"),
        ("name", text("<text:p>王<text:tab/>明</text:p>"), "control_character"),
    ],
)  # fmt: skip
def test_values_of_ods(field: str, cell: str, value: object) -> None:
    data = in_ods(field, cell)
    if isinstance(value, str) and "_" in value:
        assert [(f.sheet, f.row, f.column, f.code) for f in refusal(data, ODS).faults] == [("名冊", 2, field, value)]
    else:
        assert getattr(take(data, ODS).rows[0], field) == value


def test_what_was_changed_long_ago_in_ods_is_not_read() -> None:
    old = f"<table:tracked-changes><table:insertion>{ods_table([student(2)])}</table:insertion></table:tracked-changes>"
    found = take(zipped(ods_parts(old + ods_table([student(1)]))), ODS)
    assert len(found.rows) == 1


@pytest.mark.parametrize(
    "code, kind, zeros, dressed",
    [
        ("General", "number", 0, False),
        ("0000000", "number", 7, False),
        ("#,##0.00", "number", 0, False),
        ("0.00E+00", "number", 0, False),
        ("@", "number", 0, False),
        ('"B"0000', "number", 0, True),
        ("000-000", "number", 0, True),
        ('General"年"', "number", 0, True),
        ("yyyy/m/d", "date", 0, False),
        ("[$-404]ggge年m月d日", "date", 0, False),
        ("m月d日", "date", 0, False),
        ("[h]:mm", "time", 0, False),
        ("h:mm AM/PM", "time", 0, False),
        ("[Red]0;[Blue]-0", "number", 1, False),
    ],
)
def test_what_a_number_format_shows(code: str, kind: str, zeros: int, dressed: bool) -> None:
    found = shown(code)
    assert (found.kind, found.zeros, found.dressed) == (kind, zeros, dressed)


def test_other_programs_read_the_same() -> None:
    """calamine, another reader, finds the same texts where it tells all of a cell."""
    import python_calamine

    rows = [student(n, name=f"王{chr(0x20000 + n)}{'  ' * n}明") for n in range(1, 30)]
    for data, media in ((to_xlsx(rows), XLSX), (to_ods(rows), ODS)):
        theirs = python_calamine.load_workbook(io.BytesIO(data)).get_sheet_by_index(0).to_python(skip_empty_area=False)
        ours = [cells for _, cells in decode_book(child.work(data, [media])).sheets[0].rows]
        assert ours == theirs


class _Pipe(io.RawIOBase):
    """What a program writes to that cannot go back: sizes come behind each member."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += data
        return len(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("sizes_of_64_bits", [False, True])
def test_archives_are_taken_as_other_programs_write_them(method: int, sizes_of_64_bits: bool) -> None:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", method) as archive:
        archive.mkdir("xl")
        for name, content in xlsx_parts(xlsx_rows([student(1)])).items():
            with archive.open(name, "w", force_zip64=sizes_of_64_bits) as member:
                member.write(content.encode())
    assert len(take(bytes(pipe.taken)).rows) == 1


def test_every_damage_of_a_workbook_is_answered() -> None:
    """Cutting or changing a sound workbook anywhere gives a submission or a refusal, never another exception."""
    for sound, media in ((to_xlsx([student(1)]), XLSX), (to_ods([student(1)]), ODS)):
        step = len(sound) // 150
        files = [sound[:length] for length in range(0, len(sound), step)]
        files += [sound[:at] + bytes([sound[at] ^ 0x55]) + sound[at + 1 :] for at in range(0, len(sound), step)]
        for data in files:
            with contextlib.suppress(IntakeRejected):
                take(data, media)


def test_every_damage_of_a_part_is_answered() -> None:
    parts = xlsx_parts(xlsx_rows([student(1)]), styles=styles("00"), strings="<si><t>王</t></si>")
    assert take(zipped(parts)).rows
    for name, content in parts.items():
        for at in range(0, len(content), 40):
            for damaged in (content[:at], content[:at] + "9" + content[at + 1 :], content[:at] + "<" + content[at:]):
                with contextlib.suppress(IntakeRejected):
                    take(zipped(parts | {name: damaged}))
