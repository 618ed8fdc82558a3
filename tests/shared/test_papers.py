"""RO-61, RO-64: rows as XLSX, ODS and PDF/A, read back by other programs than those that wrote them."""

import csv
import io
import shutil
import subprocess
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from python_calamine import CalamineWorkbook

from shared import child
from shared.papers import document, making, ods, pdf, xlsx
from shared.papers.fonts import found
from shared.papers.forms import BOUND, SPREADSHEETS, Form
from shared.papers.glyphs import GETA, Fonts
from shared.problems import ProblemError
from tests.support.papers import cells, pages, squeezed

pytestmark = pytest.mark.rule("RO-61", "RO-64")

SHEETS = pytest.mark.parametrize("form", SPREADSHEETS, ids=["xlsx", "ods"])
WRITERS = {Form.XLSX: xlsx.write, Form.ODS: ods.write}
INJECTIONS = ("=1+1", "+886", "-無-", "@SUM(A1)", "\t=1", "＝1", "'=1", "http://example.test/", "0012", "1E5", "TRUE")
# A name that no font of ours draws: planes 2 and 15, and a variation selector.
RARE = "王\U0002a6d6\U000f0001龍\U000e0101"


def packed(rows: list[list[Any]], headings: list[str], **changes: Any) -> document.Packed:
    columns = tuple(document.Column(heading, 1) for heading in headings)
    frame = document.Document("名冊", changes.pop("title", "名冊"), ("列印日期：115/10/01",), columns, 1_790_000_000)
    return document.Packed(frame, tuple(document.batch(rows[at : at + 500]) for at in range(0, len(rows), 500)))


@SHEETS
def test_no_cell_is_ever_a_formula(form):
    """The characters that start one stay what they are: text, unchanged, with no apostrophe before them."""
    texts = [*INJECTIONS, "  兩端  空白 ", "多\n行", "<&>\"'", "\U00020bb7\U000f0001", "_x0041_"]
    made_of = WRITERS[form](packed([[text] for text in texts], ["內容"]))
    found = [row[0] for row in cells(made_of)[1:]]
    # A tab is an element in ODS, which calamine passes over and LibreOffice reads.
    assert found == [text.replace("\t", "") if form is Form.ODS else text for text in texts]
    book = CalamineWorkbook.from_filelike(io.BytesIO(made_of))
    assert [
        value for row in book.get_sheet_by_index(0).to_python() for value in row if not isinstance(value, str)
    ] == []

    with zipfile.ZipFile(io.BytesIO(made_of)) as archive:
        parts = b"".join(archive.read(name) for name in archive.namelist())
    for mark in (b"<f>", b"<f ", b"table:formula", b"<hyperlink", b"xlink:href"):
        assert mark not in parts


@pytest.mark.parametrize("form", BOUND, ids=["xlsx", "ods", "pdf"])
def test_the_same_rows_are_the_same_bytes(form):
    write = WRITERS.get(form, lambda p: pdf.write(p, ""))
    rows = [["王小明", date(2026, 10, 1), 3]]
    assert write(packed(rows, ["姓名", "日", "數"])) == write(packed(rows, ["姓名", "日", "數"]))


def test_a_character_that_cannot_be_drawn():
    """It prints as 〓 and stands on the last page with its row, its column and its code point."""
    file = pdf.write(packed([["王小明", "x"], [RARE, "🙂"]], ["姓名", "備考"]), "")
    read = pages(file)
    assert f"王{GETA}{GETA}龍{GETA}" in squeezed(read[0])
    listed = squeezed(read[-1])
    assert len(read) == 2
    for column, code in (("姓名", "U+2A6D6"), ("姓名", "U+F0001"), ("姓名", "U+E0101"), ("備考", "U+1F642")):
        assert f"第2列「{column}」：{code}" in listed
    assert "共4字" in listed


def test_whatever_is_written_is_drawn_or_listed():
    """PDF/A fails on one missing glyph: every script and category of Unicode in one report; markup is plain text."""
    every = [chr(code) for code in range(0x20, 0x30000, 97) if not 0xD800 <= code <= 0xDFFF]
    every += [
        "#set text(red)",
        "$x$",
        "*a* _b_ `c`",
        "\\",
        "//",
        "\u202e\u200f\u0301\u200d\ufe0f",
        "e\u0301",
        "各\ufe00",
    ]
    file = pdf.write(packed([["".join(every[at : at + 40])] for at in range(0, len(every), 40)], ["字"]), "")
    assert "#settext(red)" in squeezed("".join(pages(file)))


def test_it_is_pdf_a_with_its_font_in_it():
    file = pdf.write(packed([["王小明"]], ["姓名"], title="名冊"), "")
    assert b"<pdfaid:part>2</pdfaid:part>" in file
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in file
    assert b"/FontFile3" in file
    assert b"zh-TW" in file
    with pypdfium2.PdfDocument(file) as read:
        width, height = read[0].get_size()
        assert (int(width), int(height)) == (841, 595)
        assert read.get_metadata_dict()["Title"] == "名冊"


def test_the_font_draws_what_names_are_written_with():
    """Traditional Chinese of Big5 and its gaps."""
    drawn = Fonts.read(found()).drawn
    big5 = bytes(range(0xA4, 0xFA))
    common = {ord(bytes([lead, 0x40]).decode("big5", "ignore") or "一") for lead in big5}
    assert common - drawn == set()
    assert {ord(char) for char in "堃喆峯〓"} <= drawn


async def test_long_rosters_are_bound_of_volumes(monkeypatch):
    """A volume of so many rows each, by a child of its own: their pages count for themselves, none is lost."""
    monkeypatch.setattr(making, "VOLUME", 500)
    rows = making.Rows([lambda n: f"第{n}人"])
    rows.add(range(1, 601))
    frame = packed([], ["人"]).document
    file = await making.make(Form.PDF, frame, rows)
    read = [squeezed(page) for page in pages(file)]
    assert "第1冊，共2冊第1頁共" in read[0]
    assert [volume for volume in (1, 2) if any(f"第{volume}冊，共2冊" in page for page in read)] == [1, 2]
    whole = "".join(read)
    assert [n for n in range(1, 601) if f"第{n}人" not in whole] == []
    assert b"<pdfaid:part>2</pdfaid:part>" in file


async def test_a_child_that_takes_too_much_is_told_in_words(monkeypatch):
    monkeypatch.setattr(making, "_LARGEST", 1_000)
    rows = making.Rows([lambda n: n])
    with pytest.raises(ProblemError) as told:
        await making.make(Form.PDF, packed([], ["人"]).document, rows)
    assert told.value.type is making.REPORT_NOT_MADE


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed here; .ci/run installs it")
@SHEETS
def test_libreoffice_reads_the_same(form, tmp_path: Path):
    texts = [text for text in INJECTIONS if not text.startswith("\t")]
    file = tmp_path / f"sheet.{form.extension}"
    file.write_bytes(WRITERS[form](packed([[text, date(2026, 10, 1), 7] for text in texts], ["內容", "日", "數"])))
    home = f"-env:UserInstallation=file://{tmp_path}/home"
    # 44 comma, 34 quotes, 76 UTF-8; cells as they are shown.
    filters = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"
    command = ["soffice", home, "--headless", "--convert-to", filters, "--outdir", str(tmp_path), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=90)
    rows = list(csv.reader(io.StringIO((tmp_path / "sheet.csv").read_text("utf-8"), newline="")))
    assert rows[0] == ["內容", "日", "數"]
    assert rows[1:] == [[text, "2026-10-01", "7"] for text in texts]


async def test_the_child_module_is_there():
    """The parent names it and does not import it: a name that is wrong would be found here."""
    answer = await child.run(
        making._WORK,
        [Form.ODS.value],
        document.encode(packed([["a"]], ["b"])),
        memory=1 << 30,
        seconds=20,
        wait=60,
        most=1 << 20,
    )
    assert cells(answer) == [["b"], ["a"]]


def test_a_control_character_is_not_drawn():
    """Some fonts say they draw them; on paper nothing would stand there, and nobody would know."""
    file = pdf.write(packed([["王\x07\x7f\x9b明\n字"]], ["姓名"]), "")
    read = pages(file)
    assert f"王{GETA}{GETA}{GETA}明字" in squeezed(read[0])
    assert "「姓名」：U+0007" in squeezed(read[-1])
