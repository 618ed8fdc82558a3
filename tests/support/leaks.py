"""Looking for planted national IDs wherever a running suite keeps or says anything.

An ID counts as found by its nine digits, with or without the letter, half or full width, and in the encodings that
logs, addresses, JSON and mail give a text. All planted IDs share a stem, so that gigabytes could be searched quickly.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg

from local.children import alive
from local.stack import Stack
from tests.roster.intake_corpus.files import national_id
from tests.support.suite import SERVICES, ask, fetch

STEM = 9_407_000
_WIDE = str.maketrans({char: chr(ord(char) + 0xFEE0) for char in map(chr, range(0x21, 0x7F))})


def planted(number: int, *, second: str = "1", right: bool = True) -> str:
    """The `number`th ID that may be planted; with a wrong check digit, a woman's or a resident's where wished."""
    whole = national_id(STEM + number, letter="Q", second=second)
    return whole if right else whole[:-1] + str((int(whole[-1]) + 1) % 10)


def wide(text: str) -> str:
    """`text` in full-width characters."""
    return text.translate(_WIDE)


def _in_base64(offset: int) -> Callable[[str], bytes]:
    """Base64 of the text where it begins `offset` bytes into a group of three; only what does not depend on others."""

    def encoded(text: str) -> bytes:
        whole = base64.b64encode(b"\0" * offset + text.encode())
        return whole[(offset * 8 + 5) // 6 : (offset + len(text)) * 8 // 6]

    return encoded


FORMS: Mapping[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "full width": lambda text: wide(text).encode(),
    "escaped": lambda text: json.dumps(wide(text)).strip('"').encode(),
    "escaped twice": lambda text: json.dumps(wide(text)).strip('"').replace("\\", "\\\\").encode(),
    "in an address": lambda text: quote(wide(text)).encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "UTF-16": lambda text: text.encode("utf-16-le"),
    "CP950": lambda text: wide(text).encode("cp950"),
    **{f"base64 +{offset}": _in_base64(offset) for offset in range(3)},
}


@dataclass(frozen=True)
class Place:
    """Somewhere to look, and what is there. A place of `bulk` is searched for the first two forms only."""

    name: str
    content: bytes
    bulk: bool = False


Needles = Mapping[str, list[tuple[bytes, str]]]
_STEM = str(STEM)[:4]
# Megabytes are read once, for whatever begins with the stem.
_IN_BULK = re.compile(rb"%b[0-9]{4}|%b(?:\xef\xbc[\x90-\x99]){4}" % (_STEM.encode(), wide(_STEM).encode()))


def search(ids: Iterable[str], places: Iterable[Place]) -> dict[str, list[str]]:
    """Every place where one of the IDs was found, with what was found there: `A123456789 (base64 +1)`."""
    wanted = list(ids)
    needles: Needles = {form: [(write(whole[1:]), whole) for whole in wanted] for form, write in FORMS.items()}
    ends = {write(whole[2:]): whole for whole in wanted for write in (str.encode, FORMS["full width"])}
    found: dict[str, list[str]] = {}
    for place in places:
        if place.bulk:
            here = [f"{ends[text]} (plain)" for text in set(_IN_BULK.findall(place.content)) if text in ends]
        else:
            here = list(_find(needles, place.content))
        if here:
            found.setdefault(place.name, []).extend(here)
    return found


def _find(needles: Needles, content: bytes) -> Iterator[str]:
    for form, pairs in needles.items():
        if form.startswith("base64") or FORMS[form](_STEM) in content:
            yield from (f"{whole} ({form})" for needle, whole in pairs if needle in content)


# -- where to look ------------------------------------------------------------------------------------------------


def files(root: Path, *, but: Iterable[str] = ()) -> Iterator[Place]:
    """Every file under `root` except those whose name begins with one of `but`."""
    unwanted = tuple(but)
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(unwanted) and path.is_file():
            yield Place(f"file {name}", path.read_bytes())


def cluster(root: Path) -> Iterator[Place]:
    """PostgreSQL's own files as they lie on the disk, the write-ahead log included."""
    for path in sorted((root / "pg").rglob("*")):
        if path.is_file():
            yield Place(f"file {path.relative_to(root).as_posix()}", path.read_bytes(), bulk=True)


async def tables(name: str, url: str) -> AsyncIterator[Place]:
    """Every column of every table, read by the owner: `roster.entry.remarks` and the like."""
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'm') AND relnamespace = 'public'::regnamespace"
        )
        for (table,) in names:
            columns: dict[str, list[bytes]] = {}
            for row in await connection.fetch(f'SELECT * FROM "{table}"'):
                for column, value in row.items():
                    if value is not None:
                        columns.setdefault(column, []).append(value if type(value) is bytes else str(value).encode())
            for column, values in columns.items():
                yield Place(f"{name}.{table}.{column}", b"\n".join(values))
    finally:
        await connection.close()


async def all_tables(suite: Stack) -> list[Place]:
    """The tables of every service, and what PostgreSQL shows of its connections."""
    places = [place for name in SERVICES async for place in tables(name, suite.database_url(name))]
    activity = await ask(suite.admin_url, "SELECT * FROM pg_stat_activity")
    return [*places, Place("pg_stat_activity", repr(activity).encode())]


async def pages(suite: Stack) -> list[Place]:
    """What every process says of itself to whoever asks, and the mail that went out."""
    places = [
        Place(f"{name} {path}", await fetch(f"http://127.0.0.1:{suite.ports[name]}{path}"))
        for name in ("gateway", *SERVICES)
        for path in ("/metrics", "/readyz", "/openapi.json")
    ]
    return [*places, Place("mail", await fetch(f"{suite.mail_url}/messages"))]


def processes(suite: Stack) -> Iterator[Place]:
    """The command line and the environment of every process (Linux)."""
    for name, pid in suite.pids.items():
        for part in ("cmdline", "environ"):
            path = Path(f"/proc/{pid}/{part}")
            if path.exists() and alive(pid):
                yield Place(f"process {name} {part}", path.read_bytes())


async def everywhere(suite: Stack) -> list[Place]:
    """Whatever the suite wrote or says, but for the registry's own store and PostgreSQL's raw files."""
    return [
        *files(suite.root, but=("registry.sqlite", "pg/")),
        *processes(suite),
        *await all_tables(suite),
        *await pages(suite),
    ]
