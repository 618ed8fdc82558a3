"""Archives that lie: a ZIP written by hand, so that each of its fields can say something else than is so."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Entry:
    """A member; what is None is as it should be. `local_…` is what its own header says, the others the directory."""

    name: bytes
    content: bytes
    flags: int = 0
    method: int = 8
    needed: int = 20
    unpacked: int | None = None
    packed: int | None = None
    crc: int | None = None
    offset: int | None = None
    local_name: bytes | None = None
    local_unpacked: int | None = None
    extra: bytes = b""
    descriptor: bytes = b""
    gap: bytes = b""

    @property
    def body(self) -> bytes:
        """What is stored."""
        if self.method != 8:
            return self.content
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        return packer.compress(self.content) + packer.flush()


def archive(entries: Sequence[Entry], *, comment: bytes = b"", count: int | None = None, prefix: bytes = b"") -> bytes:
    """The archive of the entries, as they are told to be."""
    out = bytearray(prefix)
    directory = bytearray()
    for entry in entries:
        body = entry.body
        packed = len(body) if entry.packed is None else entry.packed
        unpacked = len(entry.content) if entry.unpacked is None else entry.unpacked
        crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
        start = len(out) if entry.offset is None else entry.offset
        local_name = entry.name if entry.local_name is None else entry.local_name
        local_unpacked = unpacked if entry.local_unpacked is None else entry.local_unpacked
        sizes = (0, 0, 0) if entry.flags & 8 else (crc, packed, local_unpacked)
        if entry.offset is None:
            header = struct.pack("<5H3L2H", entry.needed, entry.flags, entry.method, 0, 33, *sizes, len(local_name), 0)
            out += b"PK\x03\x04" + header + local_name + body + entry.descriptor + entry.gap
        fields = (crc, packed, unpacked, len(entry.name), len(entry.extra), 0, 0, 0, 0, start)
        directory += b"PK\x01\x02" + struct.pack(
            "<6H3L5H2L", 20, entry.needed, entry.flags, entry.method, 0, 33, *fields
        )
        directory += entry.name + entry.extra
    at = len(out)
    told = len(entries) if count is None else count
    end = struct.pack("<4H2LH", 0, 0, told, told, len(directory), at, len(comment))
    return bytes(out + directory + b"PK\x05\x06" + end + comment)


def entries_of(parts: dict[str, str]) -> list[Entry]:
    """The members of a sound package."""
    return [Entry(name.encode(), content.encode()) for name, content in parts.items()]


def lying(parts: dict[str, str], name: str, **lies: object) -> bytes:
    """The archive of `parts`, in which the member `name` lies."""
    entries = entries_of(parts)
    return archive([replace(one, **lies) if one.name == name.encode() else one for one in entries])  # type: ignore[arg-type]
