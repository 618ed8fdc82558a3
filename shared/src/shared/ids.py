"""National IDs, resident numbers and business numbers: what is written, whether it adds up, and how it is
hidden.

SOURCE: facts.md 2.1 and 2.2 (published vectors). The letter O and the digit 0, the letter I and the digit 1
are never taken for each other: a wrong ID must be seen as wrong. The first letter says where the ID was
issued, never where the household is.
"""

import re
from enum import StrEnum
from operator import mul
from typing import Final, Literal

import msgspec

from shared.law import rule

# Only the full-width forms of ASCII and the ideographic space: NFKC would also turn Ⅰ into I and ① into 1.
FULL_WIDTH: Final[dict[int, int]] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

_LETTERS: Final = dict(
    zip("ABCDEFGHJKLMNPQRSTUVXYWZIO", range(10, 36), strict=True),
)
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 1, 1)
_BUSINESS_WEIGHTS: Final = (1, 2, 1, 2, 1, 2, 4, 1)

_SHAPE: Final = re.compile(r"[A-Z][1289A-D][0-9]{8}")
_BUSINESS: Final = re.compile(r"[0-9]{8}")
_WIDE: Final = re.compile(r"[\uff01-\uff5e]")
#  A stand-alone ID in any case; an upper-case one anywhere, even against letters or digits; a lower-case one
# behind an escape of JSON, repr() or a URL, whose last character would hide the boundary. Lower-case
# hexadecimal (request ids, hashes) stays readable.
_IN_TEXT: Final = re.compile(
    r"(?<![0-9A-Za-z])[A-Za-z][1289A-Da-d][0-9]{8}(?![0-9A-Za-z])"
    r"|[A-Z][1289A-D][0-9]{8}"
    r"|(?:(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))[a-z][1289a-d][0-9]{8}(?![0-9A-Za-z])"
)


class IdKind(StrEnum):
    """What an ID's shape says it is."""

    national_id = "national_id"
    resident_new = "resident_new"
    resident_old = "resident_old"


class IdReading(msgspec.Struct, frozen=True, gc=False):
    """What was read: the folded text, its kind by shape (None: no ID), its checksum, the sex it encodes."""

    value: str
    kind: IdKind | None
    valid: bool
    sex: Literal["male", "female"] | None


@rule("RO-10")
def read_id(text: str) -> IdReading:
    """Read a national ID or a resident number of either format. Full width, lower case and outer blanks are
    folded.

    `valid` says that the shape and the check digit are right; kind and sex follow from the shape alone. Never
    raises.
    """
    value = fold(text)
    if not _SHAPE.fullmatch(value):
        return IdReading(value, None, False, None)
    second = value[1]
    if second in "12":
        kind = IdKind.national_id
    elif second in "89":
        kind = IdKind.resident_new
    else:
        kind = IdKind.resident_old
    return IdReading(value, kind, _adds_up(value), "male" if second in "18AC" else "female")


def is_business_number(text: str) -> bool:
    """Whether a 統一編號 adds up under the rule of 2023 (sum divisible by five)."""
    value = fold(text)
    if not _BUSINESS.fullmatch(value):
        return False
    total = sum(sum(divmod(int(digit) * weight, 10)) for digit, weight in zip(value, _BUSINESS_WEIGHTS, strict=True))
    # 7 × 4 = 28 gives 2 + 8 = 10, whose digits may be added once more: 1 instead of 10.
    return total % 5 == 0 or (value[6] == "7" and (total + 1) % 5 == 0)


def mask_id(text: str) -> str:
    """``A123456789`` → ``A12****789``. What is shorter than an ID keeps its first character only."""
    value = text.strip()
    if len(value) < 10:
        return value[:1] + "*" * max(len(value) - 1, 0)
    return f"{value[:3]}****{value[-3:]}"


def mask_ids_in(text: str) -> str:
    """Mask everything in free text that has the shape of a national ID or resident number, right checksum or
    not.

    A masked ID is written half width; everything else comes back unchanged, character for character.
    """
    if text.isascii() or not _WIDE.search(text):
        return _IN_TEXT.sub(_mask_found, text)
    # Folding keeps positions, so what is found in the folded text is cut out of the original.
    parts: list[str] = []
    end = 0
    for found in _IN_TEXT.finditer(text.translate(FULL_WIDTH)):
        parts += text[end : found.start()], mask_id(found[0])
        end = found.end()
    parts.append(text[end:])
    return "".join(parts)


def fold(text: str) -> str:
    """Half width, upper case, no outer blanks. Upper case only for ASCII: ``ı`` must not become ``I``."""
    if not text.isascii():
        text = text.translate(FULL_WIDTH)
        if not text.isascii():
            return text.strip()
    return text.strip().upper()


def _mask_found(found: re.Match[str]) -> str:
    value = found[0]
    return f"{value[:3]}****{value[7:]}"


def _adds_up(value: str) -> bool:
    tens, units = divmod(_LETTERS[value[0]], 10)
    digits = value[1:] if value[1].isdecimal() else f"{_LETTERS[value[1]] % 10}{value[2:]}"
    # The bytes of digits are the digits and 48 more.
    total: int = tens + units * 9 + sum(map(mul, digits.encode(), _WEIGHTS)) - 48 * sum(_WEIGHTS)
    return total % 10 == 0
