"""The head of a service's chain of sealed blocks, kept where the database does not reach.

Whoever holds the database can compute every block anew; what he cannot do is change what was written down elsewhere.
A `HeadStore` takes one head after each block. Where it lies decides what it is worth (docs/adr/0013).
"""

import fcntl
import hashlib
import hmac
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Protocol

import msgspec

from shared.audit_blocks import EPOCH, GENESIS, Block, micros

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_TAIL = 4_096
# The purpose for which the field keys derive the key of the authentication codes.
HEAD_KEY = "audit heads"


@dataclass(frozen=True, slots=True)
class Head:
    """That block `number` has this digest. `adopted`: a person said to go on from here, whatever stood before."""

    number: int
    digest: bytes
    sealed_at: int
    adopted: bool = False

    @classmethod
    def of(cls, block: Block | None, *, adopted: bool = False) -> "Head":
        """The head of a chain that ends with `block`; of one without blocks it is number 0."""
        if block is None:
            return cls(0, GENESIS, 0, adopted)
        return cls(block.number, block.digest, block.sealed_at or 0, adopted)

    def agrees(self, block: Block) -> bool:
        """Whether it is the head of that very block."""
        return (self.number, self.digest) == (block.number, block.digest)


class HeadError(Exception):
    """The store does not hold, or will not take, what a head must be; the text says why."""


class HeadStore(Protocol):
    """Where heads are kept. The calls block; the order of `append` is that of the blocks."""

    def newest(self) -> Head | None:
        """The head appended last; raises `HeadError` when it is not one of ours, `OSError` when away."""
        ...

    def append(self, head: Head) -> None:
        """Keep `head`, durably, if it follows the newest one; nothing happens if it or a later one is there.

        Raises `HeadError` when another head has its number, or it does not follow; `OSError` when away.
        """
        ...

    def lines(self) -> Iterator["Line"]:
        """All that was ever appended, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log; `head` is None when it is none of ours: it cannot be read or its code is wrong."""

    number: int
    head: Head | None


class _Written(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A line as it stands in the file."""

    v: int
    service: str
    number: int
    digest: str
    sealed_at: str
    adopted: bool
    mac: str


class FileHeads:
    """A log of heads, one JSON line each, only ever appended to: `<folder>/<service>.log`.

    `key` makes each line's authentication code (HMAC-SHA-256), so that one who can write the file but has no key can
    shorten it, yet not forge it. Without a key lines are read unchecked and none can be appended.
    """

    def __init__(self, folder: Path, service: str, key: bytes | None) -> None:
        self.path = folder / f"{service}.log"
        self.service = service
        self._key = key

    def newest(self) -> Head | None:
        """See `HeadStore`."""
        try:
            with self.path.open("rb") as file:
                return self._newest(file)
        except FileNotFoundError:
            return None

    def append(self, head: Head) -> None:
        """See `HeadStore`."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "rb+", buffering=0) as file:
            # Two workers, or one that was thought dead: who comes second sees what the first has written.
            fcntl.flock(file, fcntl.LOCK_EX)
            if not head.adopted and self._is_there(head, self._newest(file)):
                return
            line = self._line(head)
            # A crash may have left the beginning of this very line: it is completed. Anything else takes a person.
            begun = _unended(file)
            if line.startswith(begun):
                line = line[len(begun) :]
            elif head.adopted:
                line = b"\n" + line
            else:
                raise HeadError(f"{self.path.name} ends with the beginning of a line that is none of ours.")
            if file.write(line) != len(line):
                raise OSError(f"{self.path} takes no whole line.")
            os.fsync(file.fileno())
        if is_new:
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def lines(self) -> Iterator[Line]:
        """See `HeadStore`; a line that a crash cut off is not there yet."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield Line(number, self._read(line[:-1]))

    def _newest(self, file: IO[bytes]) -> Head | None:
        ended = _tail(file).rpartition(b"\n")[0]
        if not ended:
            return None
        head = self._read(ended.rpartition(b"\n")[2])
        if head is None:
            raise HeadError(f"The last line of {self.path.name} is none of ours.")
        return head

    def _is_there(self, head: Head, newest: Head | None) -> bool:
        number = newest.number if newest else 0
        if number > head.number:
            return True
        if newest is not None and number == head.number:
            if newest.digest != head.digest:
                raise HeadError(f"Another head has number {number}.")
            return True
        if number + 1 != head.number:
            raise HeadError(f"Head {head.number} does not follow {number}.")
        return False

    def _line(self, head: Head) -> bytes:
        if self._key is None:
            raise HeadError("No key to sign heads with.")
        at = (EPOCH + timedelta(microseconds=head.sealed_at)).strftime(_TIME)
        unsigned = _Written(1, self.service, head.number, head.digest.hex(), at, head.adopted, "")
        return msgspec.json.encode(msgspec.structs.replace(unsigned, mac=self._mac(unsigned))) + b"\n"

    def _read(self, line: bytes) -> Head | None:
        try:
            written = msgspec.json.decode(line, type=_Written)
            digest = bytes.fromhex(written.digest)
            at = datetime.strptime(written.sealed_at, _TIME).replace(tzinfo=UTC)
        except ValueError:
            return None
        if (written.v, written.service) != (1, self.service) or len(digest) != len(GENESIS):
            return None
        unsigned = msgspec.structs.replace(written, mac="")
        if self._key is not None and not hmac.compare_digest(written.mac.encode(), self._mac(unsigned).encode()):
            return None
        return Head(written.number, digest, micros(at), written.adopted)

    def _mac(self, unsigned: _Written) -> str:
        assert self._key is not None
        return hmac.digest(self._key, msgspec.json.encode(unsigned), hashlib.sha256).hex()


def _tail(file: IO[bytes]) -> bytes:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - _TAIL))
    return file.read(_TAIL)


def _unended(file: IO[bytes]) -> bytes:
    return _tail(file).rpartition(b"\n")[2]
