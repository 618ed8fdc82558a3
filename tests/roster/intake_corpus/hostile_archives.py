"""Hostile spreadsheets: archives that lie, and XML that explodes."""

import random
import struct
import zlib
from collections.abc import Callable
from functools import partial

from roster.intake.sheets.book import ODS, XLSX
from tests.roster.intake_corpus.archives import Entry, archive, entries_of, lying
from tests.roster.intake_corpus.files import student
from tests.roster.intake_corpus.hostile import Hostile
from tests.roster.intake_corpus.workbooks import (
    HEAD,
    ods_parts,
    ods_table,
    to_ods,
    to_xlsx,
    xlsx_parts,
    xlsx_rows,
    zipped,
)

SHEET = "xl/worksheets/sheet1.xml"
RELS = "xl/_rels/workbook.xml.rels"
MB = 1024 * 1024
_XXE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
_REMOTE = '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'
_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)


def parts(**options: str) -> dict[str, str]:
    """The parts of a sound workbook of one student."""
    return xlsx_parts(xlsx_rows([student(1)]), **options)


def odf(table: str = "") -> dict[str, str]:
    """The parts of a sound ODS."""
    return ods_parts(table or ods_table([student(1)]))


def with_part(name: str, content: str | bytes, base: Callable[[], dict[str, str]] = parts) -> bytes:
    """A workbook with one part more, or another one."""
    return zipped({**base(), name: content})


def declared(name: str, doctype: str, use: str = "", base: Callable[[], dict[str, str]] = parts) -> bytes:
    """A workbook in which a part begins with a document type."""
    head, _, rest = base()[name].partition("?>")
    return with_part(name, f"{head}?>{doctype}{rest}".replace("王小明", use or "王小明"), base)


def rows_xml(xml: str, **options: str) -> bytes:
    """A workbook whose rows are that XML."""
    return zipped(xlsx_parts(xml, **options))


def more_rows(xml: str) -> bytes:
    """A sound workbook with that XML behind its student."""
    return rows_xml(xlsx_rows([student(1)]) + xml)


def _overlapping() -> bytes:
    """All members but the first are told to be where the first one is (D. Fifield, "A better zip bomb")."""
    first = Entry(b"[Content_Types].xml", b" " * 500_000)
    return archive([first, *(Entry(b"a%d" % n, b" " * 500_000, offset=0) for n in range(500))])


def _quoted_overlap() -> bytes:
    """The second member's header lies within the first one's data, as the quoting of the same bomb has it."""
    inner = archive([Entry(b"b", b"x" * 100)])
    outer = Entry(b"a", inner, method=0)
    return archive([outer, Entry(b"b", b"x" * 100, offset=31)])


def _nested(levels: int = 6) -> bytes:
    inner = b" " * MB
    for _ in range(levels):
        inner = archive([Entry(b"x.zip", inner, method=0), Entry(b"y.zip", inner, method=0)])[: 4 * MB]
    return inner


def _zip64_end(lie: int) -> bytes:
    sound = to_ods([student(1)])
    count, size, start = struct.unpack("<HLL", sound[-12:-2])
    at = len(sound) - 22
    record = struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, count, count, size, start + lie)
    return sound[:at] + b"PK\x06\x06" + record + b"PK\x06\x07" + struct.pack("<LQL", 0, at, 1) + sound[at:]


def _streamed(descriptor: Callable[[int, int, int], bytes]) -> bytes:
    made = []
    for entry in entries_of(parts()):
        packed, unpacked, crc = len(entry.body), len(entry.content), zlib.crc32(entry.content)
        made.append(Entry(entry.name, entry.content, flags=8, descriptor=descriptor(crc, packed, unpacked)))
    return archive(made)


def _many_attributes() -> bytes:
    return more_rows("<row " + " ".join(f'a{n}="1"' for n in range(100_000)) + "/>")


def changed(old: str, new: str, name: str = SHEET) -> bytes:
    """A sound workbook, one of whose parts says something else."""
    return with_part(name, parts()[name].replace(old, new))


DAMAGED, UNSOUND, DOCTYPE = (("syntax", f"sheet_{code}") for code in ("damaged", "unsound", "doctype"))
BOMB, TAKEN = ("size", "sheet_bomb"), ("taken", "")


def case(name: str, build: Callable[[], bytes], kind: str, code: str, media: str = XLSX) -> Hostile:
    return Hostile(name, build, media, kind, code)


ARCHIVES = (
    case("half a workbook", lambda: to_xlsx([student(1)])[:4_000], *DAMAGED),
    case("a workbook without its last byte", lambda: to_xlsx([student(1)])[:-1], *DAMAGED),
    case("four bytes", lambda: b"PK\x03\x04", *DAMAGED),
    case("an empty archive", lambda: zipped({}), *DAMAGED),
    case("a flat bomb", lambda: with_part(SHEET, b" " * 64 * MB), *BOMB),
    case("a flat bomb nobody would unpack", lambda: with_part("xl/media/x", b" " * 64 * MB), *BOMB),
    case("bombs in bombs", _nested, *DAMAGED),
    case("an archive in the sheet's place", lambda: with_part(SHEET, to_xlsx([student(1)])), *UNSOUND),
    case(
        "a sum that is too large",
        lambda: archive(
            [
                *entries_of(parts()),
                *(Entry(b"x%d" % n, random.Random(n).randbytes(2 * MB), unpacked=90 * MB) for n in range(3)),
            ]
        ),
        *BOMB,
    ),
    case("a thousand and one members", lambda: zipped({f"{n}": "" for n in range(1_001)}), *BOMB),
    case("60,000 members told", lambda: archive(entries_of(parts()), count=60_000), *BOMB),
    case("fewer members told than there are", lambda: archive(entries_of(parts()), count=3), *DAMAGED),
    case("overlapping members", _overlapping, *DAMAGED),
    case("a member within a member", _quoted_overlap, *DAMAGED),
    case("a size that lies low", lambda: lying(parts(), SHEET, unpacked=100), *UNSOUND),
    case("a size that lies high", lambda: lying(parts(), SHEET, unpacked=3 * MB), *UNSOUND),
    case("two sizes of one member", lambda: lying(parts(), SHEET, local_unpacked=9), *DAMAGED),
    case("two names of one member", lambda: lying(parts(), SHEET, local_name=b"x"), *DAMAGED),
    case("a checksum that lies", lambda: lying(parts(), SHEET, crc=1), *UNSOUND),
    case("a name that climbs", lambda: with_part("../../etc/cron.d/x", "x"), *DAMAGED),
    case("a name from the root", lambda: with_part("/etc/passwd", "x"), *DAMAGED),
    case("a name on a drive", lambda: with_part("C:\\x", "x"), *DAMAGED),
    case("a name with NUL", lambda: archive([*entries_of(parts()), Entry(b"a\0b", b"")]), *DAMAGED),
    case("the sheet twice", lambda: archive([*entries_of(parts()), Entry(SHEET.encode(), b"x")]), *DAMAGED),
    case("the sheet twice but for case", lambda: with_part(SHEET.upper(), "x"), *DAMAGED),
    case("an encrypted member", lambda: lying(parts(), SHEET, flags=1), "type", "sheet_encrypted"),
    case("another method", lambda: lying(parts(), SHEET, method=14), *DAMAGED),
    case("a version to come", lambda: lying(parts(), SHEET, needed=99), *DAMAGED),
    case("sound descriptors", lambda: _streamed(lambda *told: b"PK\x07\x08" + struct.pack("<3L", *told)), *TAKEN),
    case("descriptors that lie", lambda: _streamed(lambda c, p, u: struct.pack("<3L", c, p, u + 1)), *DAMAGED),
    case("sizes told nowhere", lambda: lying(parts(), SHEET, packed=0xFFFFFFFF), *DAMAGED),
    case(
        "sizes of 64 bits that lie",
        lambda: lying(parts(), SHEET, unpacked=0xFFFFFFFF, extra=struct.pack("<2HQ", 1, 8, 1 << 60)),
        *BOMB,
    ),
    case("two ends that agree", lambda: _zip64_end(0), *TAKEN, ODS),
    case("two ends that differ", lambda: _zip64_end(1), *DAMAGED, ODS),
    case("something between members", lambda: lying(parts(), SHEET, gap=b"MZ" * 50), *DAMAGED),
    case("a web page behind", lambda: to_xlsx([student(1)]) + b"<html><script>", *DAMAGED),
    case("a comment", lambda: archive(entries_of(parts()), comment=b"<html>"), *DAMAGED),
    case("PDF and ZIP", lambda: b"%PDF-1.7\n" + to_xlsx([student(1)]), "type", "sheet_is_pdf"),
    case("HTML and ZIP", lambda: b"<html>" + to_xlsx([student(1)]), "type", "sheet_is_html"),
    case("a program and ZIP", lambda: b"MZ" + bytes(62) + to_xlsx([student(1)]), "type", "sheet_unknown"),
    case("ZIP with something before, told so", lambda: archive(entries_of(parts()), prefix=b"PK00"), *DAMAGED),
)

XML = (
    *(case(f"an outside entity in {name}", partial(declared, name, _XXE, "&e;"), *DOCTYPE) for name in parts()),
    case("an outside entity in content.xml", lambda: declared("content.xml", _XXE, "&e;", odf), *DOCTYPE, ODS),
    case("a remote document type", lambda: declared(SHEET, _REMOTE), *DOCTYPE),
    case("billion laughs in the sheet", lambda: declared(SHEET, _LAUGHS, "&j;"), *DOCTYPE),
    case("billion laughs in the texts", lambda: declared("xl/sharedStrings.xml", _LAUGHS), *DOCTYPE),
    case("billion laughs in ODS", lambda: declared("content.xml", _LAUGHS, "&j;", odf), *DOCTYPE, ODS),
    case("an entity nobody declared", lambda: changed("王小明", "&e;"), *UNSOUND),
    case("UTF-7", lambda: changed("UTF-8", "UTF-7"), *UNSOUND),
    case(
        "UTF-16, rightly", lambda: with_part(SHEET, parts()[SHEET].replace("UTF-8", "UTF-16").encode("utf-16")), *TAKEN
    ),
    case("UTF-16 that is none", lambda: changed("UTF-8", "UTF-16"), *UNSOUND),
    case(
        "half a million elements deep",
        lambda: changed("<sheetData>", "<a>" * 500_000 + "</a>" * 500_000 + "<sheetData>"),
        *TAKEN,
    ),
    case("a million elements open", lambda: with_part(SHEET, HEAD + "<a>" * 1_300_000), *UNSOUND),
    case("100,000 attributes", _many_attributes, *TAKEN),
    case("an attribute twice", lambda: more_rows('<row r="3" r="4"/>'), *UNSOUND),
    case("a sheet of nothing", lambda: with_part(SHEET, ""), *UNSOUND),
    case("a sheet of NUL", lambda: with_part(SHEET, bytes(1_000)), *UNSOUND),
)
