"""What a file sent as a spreadsheet is: refused with the way out when it is something else, never unpacked here.

A refusal's status: 415 for what is no XLSX or ODS, or is one that is not taken (macros, a password); 400 for a broken
one; 413 for one that is too large; 422 for one without a student.
"""

import io
import zipfile
import zlib
from dataclasses import replace
from typing import Final

from roster.intake.csv_reader import too_many_columns, too_many_rows
from roster.intake.faults import IntakeRejected, RejectionKind, one_fault, shown_heading
from roster.intake.sheets.book import ODS, XLSX, Refusal
from roster.intake.sheets.zip_check import BadZip, check_zip
from shared.law import rule
from shared.problems import Fault

_SAVE = "請以「另存新檔」存成 Excel 活頁簿（.xlsx）或 ODF 試算表（.ods）後重新送出"
_SAVE_EN = 'Use "Save as" to make an Excel workbook (.xlsx) or an ODF spreadsheet (.ods) of it, and send that'

REFUSALS: Final[dict[str, tuple[RejectionKind, str, str]]] = {
    "sheet_encrypted": (
        "type",
        "檔案設有密碼或已加密，無法讀取；請移除密碼後再存檔（檔案→資訊→保護活頁簿），重新送出。",
        "The file has a password or is encrypted. Remove the password (File, Info, Protect Workbook), save and send it "
        "again.",
    ),
    "sheet_macros": (
        "type",
        f"檔案含有巨集，本系統不收；{_SAVE}（不含巨集）。",
        f"The file holds macros and is not taken. {_SAVE_EN} (without macros).",
    ),
    "sheet_legacy": (
        "type",
        f"檔案為舊版 Excel（.xls，97-2003）格式，本系統不收；{_SAVE}。",
        f"The file is in the old Excel format (.xls, 97-2003). {_SAVE_EN}.",
    ),
    "sheet_binary": (
        "type",
        f"檔案為 Excel 二進位活頁簿（.xlsb），本系統不收；{_SAVE}。",
        f"The file is a binary Excel workbook (.xlsb). {_SAVE_EN}.",
    ),
    "sheet_is_csv": (
        "type",
        "檔案內容為純文字（CSV），不是試算表；請以 Content-Type: text/csv 送出，或另存為 .xlsx 後重新送出。",
        "The file is plain text (CSV) and no spreadsheet. Send it as Content-Type: text/csv, or save it as .xlsx.",
    ),
    "sheet_is_html": (
        "type",
        f"檔案內容為網頁（HTML），只是副檔名像試算表；請以試算表軟體開啟後，{_SAVE}。",
        f"The file is a web page (HTML) under a spreadsheet's name. Open it in a spreadsheet program. {_SAVE_EN}.",
    ),
    "sheet_is_xml": (
        "type",
        f"檔案內容為單一 XML 文件，不是 .xlsx 或 .ods；請以試算表軟體開啟後，{_SAVE}。",
        f"The file is a single XML document. Open it in a spreadsheet program. {_SAVE_EN}.",
    ),
    "sheet_is_json": (
        "type",
        "檔案內容為 JSON，不是試算表；請以 Content-Type: application/json 送出。",
        "The file is JSON and no spreadsheet. Send it as Content-Type: application/json.",
    ),
    "sheet_is_pdf": (
        "type",
        "檔案內容為 PDF，不是試算表；請改送原始的試算表檔案。",
        "The file is a PDF and no spreadsheet. Send the spreadsheet that it was made from.",
    ),
    "sheet_is_document": (
        "type",
        f"檔案為文書或簡報等其他文件，不是試算表；請將名冊貼到試算表，{_SAVE}。",
        f"The file is a text document or a presentation. Paste the roster into a spreadsheet. {_SAVE_EN}.",
    ),
    "sheet_is_archive": (
        "type",
        "檔案為壓縮檔，不是試算表；請解壓縮後逐一送出其中的試算表。",
        "The file is an archive and no spreadsheet. Unpack it and send the spreadsheets in it one by one.",
    ),
    "sheet_is_ods": (
        "type",
        f"檔案內容為 ODF 試算表（.ods），請以 Content-Type: {ODS} 送出。",
        f"The file is an ODF spreadsheet (.ods). Send it as Content-Type: {ODS}.",
    ),
    "sheet_is_xlsx": (
        "type",
        f"檔案內容為 Excel 活頁簿（.xlsx），請以 Content-Type: {XLSX} 送出。",
        f"The file is an Excel workbook (.xlsx). Send it as Content-Type: {XLSX}.",
    ),
    "sheet_unknown": (
        "type",
        f"檔案不是 .xlsx 或 .ods 試算表；{_SAVE}。",
        f"The file is no .xlsx and no .ods spreadsheet. {_SAVE_EN}.",
    ),
    "damaged": (
        "syntax",
        "試算表檔案不完整或結構矛盾，可能傳輸中斷或遭竄改；請以試算表軟體開啟、重新存檔後再送出。",
        "The spreadsheet file is incomplete or contradicts itself. Open it in a spreadsheet program, save it again and "
        "send that.",
    ),
    "unsound": (
        "syntax",
        "試算表內容不符格式規定，無法讀取；請以試算表軟體開啟、重新存檔後再送出。",
        "The spreadsheet's content breaks the rules of its format. Open it in a spreadsheet program, save it again and "
        "send that.",
    ),
    "doctype": (
        "syntax",
        "試算表內含 DTD 或外部實體宣告，本系統不收；請以試算表軟體開啟、重新存檔後再送出。",
        "The spreadsheet declares a DTD or entities, which is not taken. Open it in a spreadsheet program, save it "
        "again and send that.",
    ),
    "no_workbook": (
        "syntax",
        "檔案內找不到活頁簿，可能已損壞；請以試算表軟體開啟、重新存檔後再送出。",
        "There is no workbook in the file. Open it in a spreadsheet program, save it again and send that.",
    ),
    "bomb": (
        "size",
        "試算表解壓縮後過大或壓縮比異常，本系統不收；請只保留名冊的列與欄，存成新檔後重新送出。",
        "Unpacked, the spreadsheet is far too large. Copy the roster's rows and columns into a new file and send that.",
    ),
    "too_many_cells": (
        "size",
        "工作表的列與儲存格（含空白但設有格式者）過多；請刪除名冊以外的空白列與欄，或將名冊複製到新檔後重新送出。",
        "The sheet has too many rows and cells, blank formatted ones included. Delete those beyond the roster, or copy "
        "the roster into a new file.",
    ),
    "too_much_text": (
        "size",
        "工作表的文字總量過多，請刪除名冊以外的內容，或分次送出。",
        "There is too much text in the sheets. Delete what is not the roster, or send it in parts.",
    ),
    "too_many_merges": (
        "size",
        "工作表的合併儲存格過多，請取消合併後重新送出。",
        "There are too many combined cells. Take them apart and send the file again.",
    ),
    "too_many_sheets": (
        "size",
        "檔案的工作表過多（上限 50 張），請刪除名冊以外的工作表，或分次送出。",
        "There are more than 50 sheets. Delete those that are no rosters, or send them in parts.",
    ),
    "too_large_to_read": (
        "size",
        "試算表過於龐大或複雜，無法在限定的時間與記憶體內讀取；請將名冊複製到新檔，或分次送出。",
        "The spreadsheet is too large or too complicated to be read within the limits of time and memory. Copy the "
        "roster into a new file, or send it in parts.",
    ),
}

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Excel 2 to 4 wrote their records without any container.
_OLD_RECORDS = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")
# The longest content type part or manifest that is looked into.
_LOOKED_AT = 4 * 1024 * 1024


def refusal(code: str, sheet: str | None = None, row: int | None = None) -> IntakeRejected:
    """The refusal of a whole workbook; a sheet's name is shown as a heading is."""
    kind, message, message_en = REFUSALS[code]
    name = code if code.startswith(("sheet_", "too_")) else f"sheet_{code}"
    place = None if sheet is None else shown_heading(sheet)
    return one_fault(kind, Fault(name, message, message_en, sheet=place, row=row))


def told(found: Refusal) -> IntakeRejected:
    """The refusal of the process that read the workbook, in words."""
    if found.code in REFUSALS:
        return refusal(found.code, found.sheet, found.row)
    # What every format may have too much of is told in the same words; the sheet is added.
    same = too_many_rows() if found.code == "too_many_rows" else too_many_columns(found.row or 1)
    same.faults = tuple(replace(fault, sheet=shown_heading(found.sheet or "")) for fault in same.faults)
    return same


@rule("RO-06")
def look_at(data: bytes, media: str) -> None:
    """Raise `IntakeRejected` unless the file is a package of `media` that may be unpacked."""
    if not data:
        raise one_fault("content", Fault("file_empty", "檔案沒有內容。", "The file is empty."))
    if not data.startswith(b"PK"):
        raise refusal(_without_package(data))
    try:
        names = check_zip(data)
    except BadZip as error:
        raise refusal("sheet_encrypted" if error.code == "encrypted" else error.code) from None
    code = _kind_of(data, frozenset(name.casefold() for name in names))
    if code != media:
        raise refusal({XLSX: "sheet_is_xlsx", ODS: "sheet_is_ods"}.get(code, code))


def _without_package(data: bytes) -> str:
    if data.startswith(_COMPOUND):
        # Names in a compound file are UTF-16. Office keeps a workbook with a password in one of them.
        if "EncryptedPackage".encode("utf-16-le") in data:
            return "sheet_encrypted"
        old = any(name.encode("utf-16-le") in data for name in ("Workbook", "Book"))
        return "sheet_legacy" if old else "sheet_is_document"
    if data.startswith(_OLD_RECORDS):
        return "sheet_legacy"
    if data.startswith(b"%PDF"):
        return "sheet_is_pdf"
    if data.startswith(_ARCHIVES):
        return "sheet_is_archive"
    head = data[:4_096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html", b"<table", b"<head", b"<meta")) or b"<html" in head:
        return "sheet_is_html"
    if head.startswith(b"<"):
        return "sheet_is_xml"
    if head.startswith((b"{", b"[")):
        return "sheet_is_json"
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    return "sheet_is_csv" if wide or (b"\0" not in head and (b"," in head or b"\t" in head)) else "sheet_unknown"


def _kind_of(data: bytes, names: frozenset[str]) -> str:
    """XLSX, ODS, or the code of the refusal of what else the package is."""
    if "[content_types].xml" in names:
        types = _content(data, "[content_types].xml").lower()
        if (
            any(name.endswith("vbaproject.bin") or "/macrosheets/" in name for name in names)
            or b"macroenabled" in types
        ):
            return "sheet_binary" if b"sheet.binary" in types else "sheet_macros"
        if b"sheet.binary" in types or any(name.endswith("workbook.bin") for name in names):
            return "sheet_binary"
        if b"spreadsheetml" in types:
            return XLSX
        return "sheet_is_document" if b"officedocument" in types else "sheet_is_archive"
    if "content.xml" in names:
        if "meta-inf/manifest.xml" in names and b"encryption-data" in _content(data, "meta-inf/manifest.xml"):
            return "sheet_encrypted"
        if any(name.startswith(("basic/", "scripts/")) for name in names):
            return "sheet_macros"
        kind = _content(data, "mimetype") if "mimetype" in names else ODS.encode()
        return ODS if b"opendocument.spreadsheet" in kind else "sheet_is_document"
    return "sheet_is_archive"


def _content(data: bytes, wanted: str) -> bytes:
    """A small member; its beginning, if it is not small."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            name = next(one for one in archive.namelist() if one.replace("\\", "/").casefold() == wanted)
            with archive.open(name) as stream:
                found = stream.read(_LOOKED_AT)
    except (zipfile.BadZipFile, EOFError, zlib.error, StopIteration, RuntimeError, ValueError, OSError):
        raise refusal("damaged") from None
    if b"<!doctype" in found.lower():
        raise refusal("doctype")
    return found
