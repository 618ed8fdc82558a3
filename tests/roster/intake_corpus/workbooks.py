"""Spreadsheets of students: XLSX as xlsxwriter makes them, or part by part; ODS part by part."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import xlsxwriter

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_SHEET_ML = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_LO = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"
_NAMESPACES = (
    f'xmlns:office="{_ODF}:office:1.0" xmlns:table="{_ODF}:table:1.0" xmlns:text="{_ODF}:text:1.0" '
    f'xmlns:style="{_ODF}:style:1.0" xmlns:calcext="{_LO}"'
)
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def to_xlsx(rows: Sequence[Mapping[str, str]], *, headings: Mapping[str, str] | None = None) -> bytes:
    """The rows in one sheet, every cell a text."""
    names = list(rows[0])
    table = [
        [(headings or {}).get(name, name) for name in names],
        *([row.get(name, "") for name in names] for row in rows),
    ]
    return xlsx_of({"名冊": table})


def xlsx_of(sheets: Mapping[str, Sequence[Sequence[str]]]) -> bytes:
    """Sheets of texts, by xlsxwriter."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, table in sheets.items():
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(table):
                for column, text in enumerate(cells):
                    sheet.write_string(row, column, text)
    return out.getvalue()


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """An archive of the members, in order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def xlsx_parts(cells: str, *, after: str = "", strings: str = "", styles: str = "", **workbook: str) -> dict[str, str]:
    """The parts of a workbook with one sheet; `cells` is the XML of its rows, `after` what follows them.

    `workbook`: `properties` is XML before its sheets, `sheet` attributes of the sheet.
    """
    kinds = {"worksheets/sheet1.xml": "worksheet", "workbook.xml": "sheet.main", "sharedStrings.xml": "sharedStrings"}
    overrides = "".join(
        f'<Override PartName="/xl/{part}" ContentType="{_SHEET_ML}.{kind}+xml"/>'
        for part, kind in (kinds | {"styles.xml": "styles"}).items()
    )
    rels = "".join(
        f'<Relationship Id="rId{at}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate(
            (("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml"), ("styles", "styles.xml")),
            1,
        )
    )
    return {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="{_TYPES}"><Default Extension="xml" ContentType="application/xml"/>'
        f"{overrides}</Types>",
        "_rels/.rels": f'{HEAD}<Relationships xmlns="{_RELS}">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}">{workbook.get("properties", "")}'
        "<sheets>"
        f'<sheet name="名冊" sheetId="1" {workbook.get("sheet", "")} r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{_RELS}">{rels}</Relationships>',
        "xl/worksheets/sheet1.xml": f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData>'
        f"{after}</worksheet>",
        "xl/sharedStrings.xml": f'{HEAD}<sst xmlns="{MAIN}">{strings}</sst>',
        "xl/styles.xml": f'{HEAD}<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
    }


def styles(*formats: str) -> str:
    """A style for each number format: 1, 2, …; 0 is General."""
    codes = "".join(f'<numFmt numFmtId="{164 + at}" formatCode={quoteattr(f)}/>' for at, f in enumerate(formats))
    used = "".join(f'<xf numFmtId="{164 + at}"/>' for at in range(len(formats)))
    return f'<numFmts>{codes}</numFmts><cellXfs><xf numFmtId="0"/>{used}</cellXfs>'


def text_cell(reference: str, text: str) -> str:
    """A cell that holds its own text."""
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def escaped(text: str) -> str:
    """A text in which nothing reads as an escape of XLSX."""
    return re.sub("_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text)


def letter(column: int) -> str:
    """A to Z."""
    return chr(65 + column)


def xlsx_rows(rows: Sequence[Mapping[str, Any]], *, first: int = 1) -> str:
    """Headings and rows as XML; a value that begins with < is the XML of its cell, `@` standing for its reference."""
    names = list(rows[0])
    made = []
    for at, row in enumerate([{name: name for name in names}, *rows], first):
        cells = "".join(
            value.replace("@", f"{letter(column)}{at}")
            if value.startswith("<")
            else text_cell(f"{letter(column)}{at}", escaped(value))
            for column, name in enumerate(names)
            if (value := row.get(name, ""))
        )
        made.append(f'<row r="{at}">{cells}</row>')
    return "".join(made)


def xlsx(rows: Sequence[Mapping[str, Any]], **options: str) -> bytes:
    """A workbook of `xlsx_rows`."""
    return zipped(xlsx_parts(xlsx_rows(rows), **options))


def ods_parts(content: str, *, automatic: str = "") -> dict[str, str]:
    """The parts of a spreadsheet; `content` is the XML of its tables."""
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return {
        "mimetype": kind,
        "META-INF/manifest.xml": f'{HEAD}<manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>',
        "content.xml": f"{HEAD}<office:document-content {_NAMESPACES}><office:automatic-styles>{automatic}"
        f"</office:automatic-styles><office:body><office:spreadsheet>{content}</office:spreadsheet></office:body>"
        "</office:document-content>",
    }


def paragraphs(text: str) -> str:
    """A text as ODS writes it: a paragraph a line, blanks that would run together as elements."""
    lines = []
    for line in text.split("\n"):
        pieces = escape(line).replace("\t", "<text:tab/>").replace("  ", ' <text:s text:c="1"/>')
        for edge in (pieces[:1], pieces[-1:]):
            if edge == " ":
                pieces = f"<text:s/>{pieces[1:]}" if pieces.startswith(" ") else f"{pieces[:-1]}<text:s/>"
        lines.append(f"<text:p>{pieces}</text:p>")
    return "".join(lines)


def ods_table(rows: Sequence[Mapping[str, Any]], *, name: str = "名冊", attributes: str = "") -> str:
    """Headings and rows as XML; a value that begins with < is the XML of its cell."""
    names = list(rows[0])
    made = []
    for row in [{name: name for name in names}, *rows]:
        cells = []
        for column in names:
            value = row.get(column, "")
            string = f'<table:table-cell office:value-type="string">{paragraphs(value)}</table:table-cell>'
            cells.append(value if value.startswith("<") else string if value else "<table:table-cell/>")
        made.append(f"<table:table-row>{''.join(cells)}</table:table-row>")
    return f"<table:table table:name={quoteattr(name)} {attributes}>{''.join(made)}</table:table>"


def to_ods(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A spreadsheet of `ods_table`."""
    return zipped(ods_parts(ods_table(rows)))
