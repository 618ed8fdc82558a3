"""Hostile spreadsheets: sheets without end or sense, and other files under their name."""

import random

from roster.intake.sheets.book import ODS
from tests.roster.intake_corpus.files import student, to_csv, to_json
from tests.roster.intake_corpus.hostile_archives import (
    ARCHIVES,
    RELS,
    TAKEN,
    UNSOUND,
    XML,
    case,
    changed,
    more_rows,
    odf,
    parts,
    rows_xml,
    with_part,
)
from tests.roster.intake_corpus.workbooks import (
    HEAD,
    letter,
    ods_table,
    text_cell,
    to_ods,
    to_xlsx,
    xlsx_of,
    xlsx_rows,
    zipped,
)


def _compound(*streams: str) -> bytes:
    """What begins like a compound file and names these streams."""
    names = b"".join(name.encode("utf-16-le").ljust(64, b"\0") for name in streams)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + names + bytes(4_096)


def _blank_rows(count: int) -> bytes:
    return more_rows("".join(f'<row r="{n}" s="1" customFormat="1"/>' for n in range(3, count + 1)))


def _blank_cells(count: int) -> bytes:
    style = random.Random(1).choices("0123456789", k=count)
    lines = ("".join(f'<c s="{s}"/>' for s in style[at : at + 16_000]) for at in range(0, count, 16_000))
    return more_rows("".join(f"<row>{line}</row>" for line in lines))


def _long_sheet(rows: int) -> bytes:
    names = list(student(1))
    heading = "".join(text_cell(f"{letter(at)}1", name) for at, name in enumerate(names))
    lines = (f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}"><v>7</v></c></row>' for n in range(2, rows + 2))
    return rows_xml(f'<row r="1">{heading}</row>' + "".join(lines))


def _wide() -> bytes:
    return xlsx_of({"名冊": [[f"欄{n}" for n in range(16_384)]]})


def _same_text(cells: int) -> bytes:
    lines = ("<row>" + '<c t="s"><v>0</v></c>' * 60 + "</row>") * (cells // 60)
    return rows_xml(lines, strings=f"<si><t>{'王' * 32_767}</t></si>")


def _merges(reference: str, count: int) -> bytes:
    rows = xlsx_rows([student(n) for n in range(60)])
    one = f'<mergeCell ref="{reference}"/>'
    return rows_xml(rows, after=f"<mergeCells>{one * count}</mergeCells>")


def _many_sheets(count: int) -> bytes:
    base = parts()
    sheet = '<sheet name="{}" sheetId="{}" r:id="rId1"/>'
    many = "".join(sheet.format(n, n) for n in range(count))
    return zipped(base | {"xl/workbook.xml": base["xl/workbook.xml"].replace("<sheets>", f"<sheets>{many}")})


def _faulty(field: str, cell: str) -> bytes:
    return rows_xml(xlsx_rows([student(1) | {field: cell}]))


def _repeated_rows(count: str) -> bytes:
    table = ods_table([student(1)])
    return zipped(odf(table.replace("<table:table-row>", f'<table:table-row table:number-rows-repeated="{count}">')))


def _repeated_cells(count: str) -> bytes:
    cell = f'<table:table-cell office:value-type="string" table:number-columns-repeated="{count}"><text:p>x</text:p>'
    row = f"<table:table-row>{cell}</table:table-cell></table:table-row></table:table>"
    return zipped(odf(ods_table([student(1)]).replace("</table:table>", row)))


def _odf_changed(old: str, new: str) -> bytes:
    return zipped(odf(ods_table([student(1)]).replace(old, new)))


def _typed(kind: str) -> bytes:
    base = parts()
    return zipped(base | {"[Content_Types].xml": base["[Content_Types].xml"].replace("spreadsheetml.sheet.main", kind)})


_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_DOCX = {
    "[Content_Types].xml": f'{HEAD}<Types><Override ContentType="{_WORD}.document.main+xml"/></Types>',
    "word/a": "",
}


SHEETS = (
    case("an index past the texts", lambda: _faulty("name", '<c r="@" t="s"><v>7</v></c>'), *UNSOUND),
    case("an index before the texts", lambda: _faulty("name", '<c r="@" t="s"><v>-1</v></c>'), *UNSOUND),
    case("a kind of cell nobody knows", lambda: _faulty("name", '<c r="@" t="x"><v>1</v></c>'), *UNSOUND),
    case("a style that is not there", lambda: _faulty("class_year", '<c r="@" s="999"><v>3</v></c>'), *TAKEN),
    case(
        "a number past all numbers",
        lambda: _faulty("student_no", '<c r="@"><v>1e999999</v></c>'),
        "content",
        "number_inexact",
    ),
    case(
        "an exponent past all exponents", lambda: _faulty("student_no", f'<c r="@"><v>1e{"9" * 60}</v></c>'), *UNSOUND
    ),
    case(
        "a number of a million digits",
        lambda: _faulty("student_no", f'<c r="@"><v>{"9" * 1_000_000}</v></c>'),
        "content",
        "number_inexact",
    ),
    case("not a number", lambda: _faulty("student_no", '<c r="@"><v>NaN</v></c>'), *UNSOUND),
    case(
        "a cell in the last corner",
        lambda: more_rows(f'<row r="1048576">{text_cell("XFD1048576", "x")}</row>'),
        "size",
        "too_many_columns",
    ),
    case(
        "a cell in the last row",
        lambda: more_rows(f'<row r="1048576">{text_cell("A1048576", "x")}</row>'),
        "size",
        "row_too_far_down",
    ),
    case("a cell past the last row", lambda: more_rows('<row r="1048577"/>'), *UNSOUND),
    case("a row of 20 digits", lambda: more_rows(f'<row r="{"9" * 20}"/>'), *UNSOUND),
    case("a column past the last", lambda: more_rows(f'<row r="3">{text_cell("XFE3", "x")}</row>'), *UNSOUND),
    case(
        "formatted, blank, in the last corner",
        lambda: more_rows('<row r="1048576"><c r="XFD1048576" s="0"/></row>'),
        *TAKEN,
    ),
    case("1,048,576 blank rows", lambda: _blank_rows(1_048_576), *TAKEN),
    case("1,700,000 blank cells", lambda: _blank_cells(1_700_000), "size", "too_many_cells"),
    case("1,000,000 rows", lambda: _long_sheet(1_000_000), "size", "too_many_rows"),
    case("20,001 rows", lambda: _long_sheet(20_001), "size", "too_many_rows"),
    case("16,384 columns", _wide, "size", "too_many_columns"),
    case("rows back to front", lambda: more_rows('<row r="9"/><row r="8"/>'), *UNSOUND),
    case("a row twice", lambda: more_rows('<row r="2"/>'), *UNSOUND),
    case("a cell in another's row", lambda: more_rows(f'<row r="3">{text_cell("A2", "x")}</row>'), *UNSOUND),
    case("a cell twice", lambda: more_rows(f'<row r="3">{text_cell("A3", "x") * 2}</row>'), *UNSOUND),
    case("dimensions too large", lambda: changed("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>'), *TAKEN),
    case("dimensions too small", lambda: changed("<sheetData>", '<dimension ref="A1"/><sheetData>'), *TAKEN),
    case("one text in 60,000 cells", lambda: _same_text(60_000), "size", "too_much_text"),
    case("100,001 combined cells", lambda: _merges("ZZ1:ZZ2", 100_001), "size", "too_many_merges"),
    case("combined cells upon each other", lambda: _merges("A1:XFD1048576", 1_000), "size", "too_many_merges"),
    case("10,000 sheets", lambda: _many_sheets(10_000), "size", "too_many_sheets"),
    case(
        "a workbook without a workbook",
        lambda: zipped({k: v for k, v in parts().items() if k != "xl/workbook.xml"}),
        "syntax",
        "sheet_no_workbook",
    ),
    case("a sheet that is elsewhere", lambda: changed("worksheets/sheet1.xml", "../../../etc/passwd", RELS), *UNSOUND),
    case(
        "a sheet on another machine",
        lambda: changed('Target="worksheets/sheet1.xml"', 'TargetMode="External" Target="http://127.0.0.1:1/"', RELS),
        "content",
        "file_empty",
    ),
    case(
        "a formula that calls out",
        lambda: _faulty("remarks", '<c r="@" t="str"><f>WEBSERVICE("http://127.0.0.1/")</f><v>無</v></c>'),
        *TAKEN,
    ),
    case(
        "the value of a formula that is one",
        lambda: _faulty("remarks", '<c r="@" t="str"><f>A1</f><v>=cmd|x</v></c>'),
        "content",
        "formula",
    ),
    case("a row of a million students in ODS", lambda: _repeated_rows("1000000"), "size", "too_many_rows", ODS),
    case("a row more often than there are rows", lambda: _repeated_rows("99999999"), *UNSOUND, ODS),
    case("a row no times", lambda: _repeated_rows("0"), *UNSOUND, ODS),
    case("a cell in all columns of ODS", lambda: _repeated_cells("16384"), "size", "too_many_columns", ODS),
    case("a cell in more columns than there are", lambda: _repeated_cells("16385"), *UNSOUND, ODS),
    case(
        "a billion blanks in ODS",
        lambda: _odf_changed("王小明", '王<text:s text:c="999999999"/>明'),
        "content",
        "faulty_cells",
        ODS,
    ),
    case(
        "a table in a table",
        lambda: _odf_changed("</table:table>", ods_table([student(2)]) + "</table:table>"),
        *UNSOUND,
        ODS,
    ),
    case("ODS without content", lambda: zipped({"mimetype": ODS, "content.xml": ""}), *UNSOUND, ODS),
)

OTHERS = (
    case("macros", lambda: with_part("xl/vbaProject.bin", b"x"), "type", "sheet_macros"),
    case("a workbook for macros", lambda: _typed("sheet.macroEnabled.main"), "type", "sheet_macros"),
    case("macros of Excel 4", lambda: with_part("xl/macrosheets/sheet1.xml", "x"), "type", "sheet_macros"),
    case("macros in ODS", lambda: with_part("Basic/Standard/Module1.xml", "x", odf), "type", "sheet_macros", ODS),
    case("scripts in ODS", lambda: with_part("Scripts/python/x.py", "x", odf), "type", "sheet_macros", ODS),
    case("a binary workbook", lambda: with_part("xl/workbook.bin", b"x"), "type", "sheet_binary"),
    case(
        "a workbook with a password",
        lambda: _compound("Root Entry", "EncryptionInfo", "EncryptedPackage"),
        "type",
        "sheet_encrypted",
    ),
    case(
        "ODS with a password",
        lambda: with_part("META-INF/manifest.xml", "<manifest:encryption-data/>", odf),
        "type",
        "sheet_encrypted",
        ODS,
    ),
    case("Excel 97", lambda: _compound("Root Entry", "Workbook"), "type", "sheet_legacy"),
    case("Excel 4", lambda: b"\x09\x04\x06\x00\x00\x00\x10\x00" + bytes(100), "type", "sheet_legacy"),
    case("Word 97", lambda: _compound("Root Entry", "WordDocument"), "type", "sheet_is_document"),
    case("Word", lambda: zipped(_DOCX), "type", "sheet_is_document"),
    case(
        "an ODF text",
        lambda: with_part("mimetype", "application/vnd.oasis.opendocument.text", odf),
        "type",
        "sheet_is_document",
        ODS,
    ),
    case("CSV as XLSX", lambda: to_csv([student(1)]).encode("cp950"), "type", "sheet_is_csv"),
    case("UTF-16 as ODS", lambda: to_csv([student(1)]).encode("utf-16"), "type", "sheet_is_csv", ODS),
    case("HTML as XLSX", lambda: b"\xef\xbb\xbf\r\n<HTML><table><tr><td>", "type", "sheet_is_html"),
    case("XML of Excel 2003", lambda: b'<?xml version="1.0"?><Workbook xmlns="urn:x"/>', "type", "sheet_is_xml"),
    case("JSON as XLSX", lambda: to_json([student(1)]), "type", "sheet_is_json"),
    case("gzip", lambda: b"\x1f\x8b\x08" + bytes(100), "type", "sheet_is_archive"),
    case("just an archive", lambda: zipped({"名冊.xlsx": to_xlsx([student(1)])}), "type", "sheet_is_archive"),
    case("noise", lambda: random.Random(1).randbytes(100_000), "type", "sheet_unknown"),
    case("ODS as XLSX", lambda: to_ods([student(1)]), "type", "sheet_is_ods"),
    case("XLSX as ODS", lambda: to_xlsx([student(1)]), "type", "sheet_is_xlsx", ODS),
    case("a workbook of nothing", lambda: xlsx_of({"甲": []}), "content", "file_empty"),
    case("headings and nobody", lambda: xlsx_of({"甲": [list(student(1))]}), "content", "no_rows"),
    case("no bytes", lambda: b"", "content", "file_empty"),
)

HOSTILE_SHEETS = (*ARCHIVES, *XML, *SHEETS, *OTHERS)
