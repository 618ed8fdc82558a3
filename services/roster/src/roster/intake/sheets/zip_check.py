"""Whether a ZIP archive is what it says, before anything unpacks it: every byte of it must have one meaning.

The members must lie one behind the other from the first byte, the directory behind them, its end at the file's end;
what the directory and a member's own header say must agree. So no two members share bytes (the overlapping bombs), no
other file is hidden before, between or behind them (PDF or HTML that is also a ZIP), and no reader sees other members
than ours. SOURCE: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_MEMBERS = 1_000
MAX_UNPACKED = 256 * 1024 * 1024
"""Bytes of all members together; a sheet of 20,000 students and 25 columns takes 30 MB."""
# Deflate reaches 1,032 on zeros; sheets of real programs stay below 60, even where all rows are alike.
_MAX_RATIO = 250
_RATIO_MATTERS = 4 * 1024 * 1024

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64, _DESCRIPTOR = b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"
_MAX32 = 0xFFFFFFFF
# Version 6.3 of the note, as it is written; none was published after it.
_LATEST = 63
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIBED, _UTF8 = 0x0001, 0x0008, 0x0800
# Bits 1 and 2 tell how hard deflate tried. Patches, strong encryption and hidden headers are none of ours.
_HARMLESS_FLAGS = 0x0006 | _UTF8
_KNOWN_FLAGS = _HARMLESS_FLAGS | _DESCRIBED


class BadZip(Exception):
    """An archive that is not unpacked: `damaged` (or it contradicts itself), `encrypted`, or a `bomb`."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def _damaged(why: str) -> BadZip:
    return BadZip("damaged", why)


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the directory has it; `start` is where its own header begins."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    unpacked: int
    start: int


def check_zip(data: bytes) -> tuple[str, ...]:
    """The members' names, `/` between folders; raises `BadZip`. Unpacks nothing, and looks at each byte once."""
    members = list(_directory(data))
    seen: set[str] = set()
    for member in members:
        folded = member.name.casefold()
        if folded in seen:
            raise _damaged("two members of one name")
        seen.add(folded)
    if sum(member.unpacked for member in members) > MAX_UNPACKED:
        raise BadZip("bomb", "too much in all")
    for member in members:
        if member.unpacked > max(_RATIO_MATTERS, member.packed * _MAX_RATIO):
            raise BadZip("bomb", "too much in little")
    at = 0
    for member in sorted(members, key=lambda one: one.start):
        if member.start != at:
            raise _damaged("members overlap, or something lies between them")
        at = _end_of(data, member)
    if at != _extent(data)[1]:
        raise _damaged("something lies before the directory")
    return tuple(member.name for member in members)


def _extent(data: bytes) -> tuple[int, int, int]:
    """How many members, where the directory begins and where it ends, by its end record at the end of the file."""
    at = len(data) - 22
    if at < 0 or data[at : at + 4] != _END:
        raise _damaged("no end, or something behind it")
    disk, first, here, count, size, start, comment = struct.unpack_from("<4H2LH", data, at + 4)
    if disk or first or here != count or comment:
        raise _damaged("parts of an archive, or a comment")
    end = at
    if at >= 76 and data[at - 20 : at - 16] == _LOCATOR64:
        end = at - 76
        count, size, start = _end64(data, end, (count, size, start))
    if count > MAX_MEMBERS:
        raise BadZip("bomb", "too many members")
    if start + size != end:
        raise _damaged("the directory is not where it should be")
    return count, start, end


def _end64(data: bytes, at: int, said: tuple[int, int, int]) -> tuple[int, int, int]:
    """The same from the 64-bit end record at `at`, which may not say otherwise than the usual one."""
    (where,) = struct.unpack_from("<Q", data, at + 56 + 8)
    if data[at : at + 4] != _END64 or where != at or struct.unpack_from("<Q", data, at + 4)[0] != 44:
        raise _damaged("no 64-bit end where one is told")
    disk, first, here, count, size, start = struct.unpack_from("<2L4Q", data, at + 16)
    if disk or first or here != count:
        raise _damaged("parts of an archive")
    for usual, long, full in zip(said, (count, size, start), (0xFFFF, _MAX32, _MAX32), strict=True):
        if usual not in (long, full):
            raise _damaged("two ends that differ")
    return count, size, start


def _directory(data: bytes) -> Iterator[Member]:
    if not data.startswith(_LOCAL):
        raise _damaged("something before the first member")
    count, at, end = _extent(data)
    for _ in range(count):
        if at + 46 > end or data[at : at + 4] != _CENTRAL:
            raise _damaged("the directory is cut off")
        (
            _,
            needed,
            flags,
            method,
            _,
            _,
            crc,
            packed,
            unpacked,
            name_size,
            extra_size,
            comment_size,
            disk,
            _,
            _,
            start,
        ) = struct.unpack_from("<6H3L5H2L", data, at + 4)
        name_at = at + 46
        raw = data[name_at : name_at + name_size]
        extra = data[name_at + name_size : name_at + name_size + extra_size]
        at = name_at + name_size + extra_size + comment_size
        if at > end or disk:
            raise _damaged("the directory is cut off")
        unpacked, packed, start = _long(extra, [unpacked, packed, start])
        if flags & _ENCRYPTED:
            raise BadZip("encrypted", "a member is encrypted")
        if flags & ~_KNOWN_FLAGS or method not in (_STORED, _DEFLATED) or needed & 0xFF > _LATEST:
            raise _damaged("a method that nobody uses in documents")
        if method == _STORED and packed != unpacked:
            raise _damaged("stored, and of two sizes")
        yield Member(_name(raw, flags), raw, flags, method, crc, packed, unpacked, start)
    if at != end:
        raise _damaged("more in the directory than it says")


def _long(extra: bytes, values: list[int]) -> list[int]:
    """The values, those of them that are full (0xFFFFFFFF) out of the 64-bit field (APPNOTE 4.5.3)."""
    wanted = [at for at, value in enumerate(values) if value == _MAX32]
    at = 0
    while wanted and at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == 0x0001:
            if size < 8 * len(wanted) or at + 4 + size > len(extra):
                break
            for place, value in zip(wanted, struct.unpack_from(f"<{len(wanted)}Q", extra, at + 4), strict=True):
                values[place] = value
            return values
        at += 4 + size
    if wanted:
        raise _damaged("a size that is told nowhere")
    return values


def _name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "cp437").replace("\\", "/")
    except UnicodeDecodeError:
        raise _damaged("a name that cannot be read") from None
    parts = name.removesuffix("/").split("/")
    if "\0" in name or ":" in name or any(part in ("", ".", "..") for part in parts):
        raise _damaged("a name that leads elsewhere")
    return name


def _end_of(data: bytes, member: Member) -> int:
    """Where a member ends, its header having said what the directory says."""
    at: int = member.start
    if at + 30 > len(data) or data[at : at + 4] != _LOCAL:
        raise _damaged("no member where the directory says one is")
    _, flags, method, _, _, crc, packed, unpacked, name_size, extra_size = struct.unpack_from("<5H3L2H", data, at + 4)
    name_at = at + 30
    extra = data[name_at + name_size : name_at + name_size + extra_size]
    differ = (flags ^ member.flags) & ~_HARMLESS_FLAGS or method != member.method
    if data[name_at : name_at + name_size] != member.raw_name or differ:
        raise _damaged("a member and the directory differ")
    end: int = name_at + name_size + extra_size + member.packed
    if end > len(data):
        raise _damaged("cut off")
    told = (member.crc, member.packed, member.unpacked)
    if not flags & _DESCRIBED:
        unpacked, packed = _long(extra, [unpacked, packed])
        if (crc, packed, unpacked) != told:
            raise _damaged("a member and the directory differ")
        return end
    # With a descriptor, the header may leave all three out.
    for said, known in zip((crc, packed, unpacked), told, strict=True):
        if said not in (0, _MAX32, known):
            raise _damaged("a member and the directory differ")
    for form in (_DESCRIPTOR + struct.pack("<3L", *told), _DESCRIPTOR + struct.pack("<L2Q", *told)):
        for descriptor in (form, form[4:]):
            if data.startswith(descriptor, end):
                return end + len(descriptor)
    raise _damaged("a descriptor that lies")
