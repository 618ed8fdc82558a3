"""From bytes to text without losing a character (RO-06; design.md 11).

The order is the contract's: byte order mark, declared charset, strict UTF-8, CP950. Nothing is ever replaced: bytes
that mean nothing are kept apart, and their cells are faulty.
"""

import codecs
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import AnyStr

from roster.intake.faults import IntakeRejected, Note, one_fault
from shared.law import rule
from shared.problems import Fault

UTF_8 = "utf-8"
CP950 = "cp950"

_DECLARED = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii", "unicode-1-1-utf-8"), UTF_8),
    **dict.fromkeys(("big5", "big-5", "csbig5", "big5-eten", "cp950", "ms950", "windows-950", "x-windows-950"), CP950),
}
_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

# Three characters of many Taiwanese names that CP950 lacks. Their only published Big5 codes are the ones of
# Big5-HKSCS, which the WHATWG Encoding Standard ("Big5") decodes the same way.
GAPS = {0xFB69: "堃", 0xFB46: "喆", 0xFBDF: "峯"}

# SOURCE: Microsoft, "Windows Best Fit" table of code page 950: first and last code of each user-defined range, and
# the private-use character that the first code of its first lead byte (trail 0x40) would have.
_USER_DEFINED = (
    (0xFA40, 0xFEFE, 0xE000),
    (0x8E40, 0xA0FE, 0xE311),
    (0x8140, 0x8DFE, 0xEEB8),
    (0xC6A1, 0xC8FE, 0xF672),
)
_PER_LEAD_BYTE = 157

_UTF8_HANZI = re.compile(rb"(?:[\xe2-\xe9\xef][\x80-\xbf]{2}|\xf0[\xa0-\xbf][\x80-\xbf]{2})++")
_ASCII = bytes(range(128))


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text without its byte order mark, the charset it was read as, and what the sender should know.

    `undefined`: bytes that mean nothing in that charset stand in the text as what `undefined_in` finds. `unusual`: it
    may hold private-use characters or such as CP950 lacks.
    """

    text: str
    charset: str
    notes: tuple[Note, ...]
    undefined: bool
    unusual: bool


def _user_defined(code: int) -> str | None:
    """The character of a code that is the user's own, or None where Windows knows none either."""
    if code in GAPS:
        return GAPS[code]
    lead, trail = divmod(code, 256)
    if not (0x40 <= trail <= 0x7E or 0xA1 <= trail <= 0xFE):
        return None
    for first, last, private in _USER_DEFINED:
        if first <= code <= last:
            offset = trail - (0x40 if trail < 0x80 else 0x62)
            return chr(private + _PER_LEAD_BYTE * (lead - (first >> 8)) + offset)
    return None


def _etens() -> dict[int, str]:
    """From what Python reads in C6A1 to C8FE to what Windows reads there: the user's own characters.

    Python has kana and Cyrillic, as ETEN's system had them; no other code gives any of those.
    """
    table: dict[int, str] = {}
    for code in range(0xC6A1, 0xC8FF):
        private = _user_defined(code)
        if private is not None:
            with contextlib.suppress(UnicodeDecodeError):
                table[ord(code.to_bytes(2).decode(CP950))] = private
    return table


_ETENS = _etens()
_ANY_ETEN = re.compile(f"[{''.join(map(chr, _ETENS))}]")


def _fill(error: UnicodeError) -> tuple[str | bytes, int]:
    """The codec's error handler: give what the user-defined ranges mean, raise again for what means nothing."""
    if isinstance(error, UnicodeDecodeError) and error.start + 1 < len(error.object):
        char = _user_defined(int.from_bytes(error.object[error.start : error.start + 2]))
        if char is not None:
            return char, error.start + 2
    raise error


def _fill_or_mark(error: UnicodeError) -> tuple[str | bytes, int]:
    """As `_fill`, and mark what means nothing: the lead byte, and what follows it if that is no ASCII."""
    try:
        return _fill(error)
    except UnicodeDecodeError as undefined:
        wrong = undefined.object[undefined.start : undefined.start + 2]
        wrong = wrong[:1] if wrong[0] in (0x80, 0xFF) or wrong[-1] < 0x80 else wrong
        return "".join(chr(_MARK + byte) for byte in wrong), undefined.start + len(wrong)


_ERRORS, _MARKING = "muster-cp950", "muster-cp950-marking"
codecs.register_error(_ERRORS, _fill)
codecs.register_error(_MARKING, _fill_or_mark)
# As Python's surrogateescape marks them: half a pair for each byte, which no text of either charset can hold.
_MARK = 0xDC00
# So many bytes that mean nothing may be damage, whatever else is in the file.
_DAMAGE = 20
_UNDEFINED = re.compile("[\udc80-\udcff]")


def decode_cp950(data: bytes, errors: str = _ERRORS) -> str:
    """Text of CP950 bytes, its gaps and user-defined ranges included; raises `UnicodeDecodeError`, never guesses."""
    text = data.decode(CP950, errors)
    return text.translate(_ETENS) if _ANY_ETEN.search(text) else text


def undefined_in(text: str) -> bool:
    """True if bytes that mean nothing in the file's charset stand in a text of `Decoded`."""
    return not text.isascii() and _UNDEFINED.search(text) is not None


def _line_of(data: bytes, position: int) -> int:
    head = data[:position]
    return 1 + head.count(b"\n") + head.count(b"\r") - head.count(b"\r\n")


def _refused(code: str, message: str, message_en: str, row: int | None = None) -> IntakeRejected:
    return one_fault("type", Fault(code, message, message_en, row=row))


def _wide() -> IntakeRejected:
    return _refused(
        "charset_utf16",
        "檔案為 UTF-16 或 UTF-32（Unicode 文字）編碼，本系統不收；請另存為「CSV UTF-8（逗號分隔）」後重新送出。",
        'The file is UTF-16 or UTF-32 ("Unicode text"). Save it as "CSV UTF-8 (comma delimited)" and send it again.',
    )


def undecodable(decoded: Decoded) -> IntakeRejected:
    """The refusal of a text with undefined bytes in which no heading is known either: another charset, most likely."""
    found = _UNDEFINED.search(decoded.text)
    head = decoded.text[: found.start() if found else 0].encode(UTF_8, "surrogatepass")
    line = _line_of(head, len(head))
    name = "UTF-8" if decoded.charset == UTF_8 else "Big5（CP950）"
    return _refused(
        "charset_undecodable",
        f"第 {line} 行有無法以 {name} 解讀的位元組；請確認編碼，建議另存為 UTF-8 後重新送出。",
        f"Line {line} holds bytes that are not {name}. Check the encoding; saving the file as UTF-8 is safest.",
        line,
    )


def refuse_nul(data: bytes) -> None:
    """Raise for a NUL: the file is binary, damaged, or UTF-16 without a byte order mark."""
    at = data.find(0)
    if at < 0:
        return
    line = _line_of(data, at)
    raise one_fault(
        "syntax",
        Fault(
            "nul_character",
            f"第 {line} 行含有 NUL 字元，檔案可能損壞、為二進位檔或 UTF-16 編碼；請另存為 UTF-8 後重新送出。",
            f"Line {line} holds a NUL: the file is damaged, binary or UTF-16. Save it as UTF-8 and send it again.",
            row=line,
        ),
    )


def _length_of(runs: Iterator[re.Match[AnyStr]]) -> int:
    """How much all matches cover; they are counted one by one and none is kept."""
    return sum(run.end() - run.start() for run in runs)


def _looks_like_broken_utf8(data: bytes) -> bool:
    """True if nearly all bytes beyond ASCII form UTF-8 characters: one damaged byte must not make it Big5."""
    high = len(data.translate(None, _ASCII))
    covered = _length_of(_UTF8_HANZI.finditer(data))
    return covered * 10 >= high * 9


@rule("RO-06")
def charset_of(content_type: str) -> str | None:
    """The charset that a content type declares."""
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"')
    return None


def decode(data: bytes, declared: str | None) -> Decoded:
    """Read a CSV's bytes as text: BOM, then `declared`, then strict UTF-8, then CP950. Bytes that mean nothing there
    are marked in the text: whoever reads its cells says in which they stand.

    Raises `IntakeRejected` of kind type (415) for UTF-16/32, an unknown declared charset and one that is plainly not
    the file's; of kind syntax for a NUL.
    """
    notes: tuple[Note, ...] = ()
    if data.startswith(_WIDE_MARKS):
        raise _wide()
    marked = data.startswith(codecs.BOM_UTF8)
    stated = UTF_8 if marked else None if declared is None else _declared(declared)
    refuse_nul(data)
    data = data.removeprefix(codecs.BOM_UTF8)
    undefined = False
    try:
        charset = stated or UTF_8
        text = data.decode(UTF_8) if charset == UTF_8 else decode_cp950(data)
    except UnicodeDecodeError:
        if stated is None and not _looks_like_broken_utf8(data):
            charset, notes = CP950, (_GUESSED,)
        text = data.decode(UTF_8, "surrogateescape") if charset == UTF_8 else decode_cp950(data, _MARKING)
        undefined = undefined_in(text)
    unusual = may_be_private(text) or (charset == CP950 and any(gap in text for gap in GAPS.values()))
    decoded = Decoded(text, charset, notes, undefined, unusual)
    if undefined and _is_another_charset(data, text):
        raise undecodable(decoded)
    return decoded


def _is_another_charset(data: bytes, text: str) -> bool:
    """True if most of the bytes beyond ASCII mean nothing: no damage, but another charset than the one told."""
    wrong = _length_of(_UNDEFINED.finditer(text))
    return wrong > _DAMAGE and wrong * 2 > len(data.translate(None, _ASCII))


_GUESSED = Note(
    "charset_guessed",
    "檔案未載明編碼且非 UTF-8，已依 Big5（CP950）解讀；請核對姓名用字。",
    "No charset was declared and the file is not UTF-8: it was read as Big5 (CP950). Check the names.",
)


def may_be_private(text: str) -> bool:
    """False if no private-use character stands in the text."""
    # The first bytes of such a character in UTF-8. Looking for them is a hundred times as quick as a pattern.
    encoded = text.encode("utf-8", "surrogatepass")
    return any(first in encoded for first in (b"\xee", b"\xef", b"\xf3", b"\xf4"))


def _declared(declared: str) -> str:
    name = declared.strip().strip('"').lower().replace("_", "-")
    if name in _DECLARED:
        return _DECLARED[name]
    if name.startswith(("utf-16", "utf-32", "ucs-2", "ucs-4", "utf16", "utf32", "unicode")):
        raise _wide()
    raise _refused(
        "charset_unsupported",
        "所載明的字元編碼不支援；請使用 UTF-8 或 Big5（CP950）。",
        "The declared charset is not supported; use UTF-8 or Big5 (CP950).",
    )
