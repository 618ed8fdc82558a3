"""XLSX by xlsxwriter: every text is written as a text, so that no cell is ever a formula. For child processes."""

import io
from datetime import UTC, date, datetime
from itertools import chain, islice

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from shared.law import rule
from shared.papers.document import Document, Marked, Packed
from shared.papers.widths import of_columns

# SOURCE: the format (ECMA-376 as Excel keeps it): characters of a cell.
LONGEST_CELL = 32_767
_LOOKED_AT = 500


@rule("RO-61", "RO-64")
def write(packed: Packed) -> bytes:
    """The workbook: headings in the first row, which stays in sight; a row for each row; nothing but values."""
    document = packed.document
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out,
        {
            "constant_memory": True,
            "in_memory": False,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    # As `made_at`, or the same rows would give other bytes a second later.
    book.set_properties({"title": document.title, "created": datetime.fromtimestamp(document.made_at, UTC)})
    heading = book.add_format({"bold": True, "bg_color": "#E8EEF4", "bottom": 1, "text_wrap": True, "valign": "top"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    text = book.add_format({"num_format": "@"})
    marked = book.add_format({"num_format": "@", "bg_color": "#FFC7CE", "font_color": "#9C0006"})
    sheet = book.add_worksheet(document.name)
    rows = packed.rows()
    first = list(islice(rows, _LOOKED_AT))
    filled = text if document.blank_rows else None
    for index, width in enumerate(of_columns(document.columns, first)):
        sheet.set_column(index, index, width, filled)
    sheet.freeze_panes(1, 0)
    for index, column in enumerate(document.columns):
        sheet.write_string(0, index, column.heading, heading)
    for number, row in enumerate(chain(first, rows), 1):
        for index, value in enumerate(row):
            if value is None:
                continue
            if isinstance(value, str):
                style = marked if type(value) is Marked else text if document.blank_rows else None
                sheet.write_string(number, index, value[:LONGEST_CELL], style)
            elif isinstance(value, date):
                sheet.write_datetime(number, index, datetime(value.year, value.month, value.day), day)  # noqa: DTZ001
            else:
                sheet.write_number(number, index, value)
    _offer(sheet, document)
    if document.notes:
        notes = book.add_worksheet("填表說明")
        notes.set_column(0, 0, 100)
        for number, line in enumerate(document.notes):
            notes.write_string(number, 0, line)
    sheet.activate()
    book.close()
    return out.getvalue()


def _offer(sheet: Worksheet, document: Document) -> None:
    """The words of coded columns as lists; another word is refused by the spreadsheet program already."""
    for index, column in enumerate(document.columns):
        if column.choices and document.blank_rows:
            sheet.data_validation(
                1,
                index,
                document.blank_rows,
                index,
                {
                    "validate": "list",
                    "source": list(column.choices),
                    "error_title": column.heading,
                    "error_message": f"請填：{'、'.join(column.choices)}"[:255],
                },
            )
