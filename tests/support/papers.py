"""What spreadsheets and papers hold, read back by other programs than those that wrote them."""

import io
import re
from typing import Any

import pypdfium2
from python_calamine import CalamineWorkbook


def cells(file: bytes) -> list[list[Any]]:
    """The first sheet as calamine reads it."""
    rows: list[list[Any]] = CalamineWorkbook.from_filelike(io.BytesIO(file)).get_sheet_by_index(0).to_python()
    return rows


def pages(file: bytes) -> list[str]:
    """The text of each page as pdfium reads it."""
    with pypdfium2.PdfDocument(file) as read:
        return [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in read]


def squeezed(text: str) -> str:
    """Without what breaks lines."""
    return re.sub(r"[\s\u200b]", "", text)
