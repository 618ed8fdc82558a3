"""Files made to break a reader. Each: a name, how to build it, media type, what kind of refusal it must earn."""

from collections.abc import Callable
from dataclasses import dataclass

from roster.intake.reading import CSV, JSON, NDJSON
from tests.roster.intake_corpus.files import student, to_csv, to_json, to_ndjson


@dataclass(frozen=True)
class Hostile:
    """One hostile file. `build` is called by the test, so that the corpus costs nothing to import."""

    name: str
    build: Callable[[], bytes]
    media: str
    kind: str
    code: str
    charset: str | None = None


def _sound() -> bytes:
    return to_csv([student(1)]).encode()


def _lines() -> bytes:
    return to_ndjson([student(1)])


HOSTILE = (
    Hostile("empty", lambda: b"", CSV, "content", "file_empty"),
    Hostile("only a mark", lambda: b"\xef\xbb\xbf\r\n", CSV, "content", "file_empty"),
    Hostile("only commas", lambda: b",,,,\r\n,,,,\r\n", CSV, "content", "heading_missing"),
    Hostile("heading only", lambda: _sound().split(b"\r\n")[0], CSV, "content", "no_rows"),
    Hostile("heading and blanks", lambda: _sound().split(b"\r\n")[0] + b"\r\n,,,\r\n\r\n", CSV, "content", "no_rows"),
    Hostile("a million columns", lambda: b"a," * 1_000_000, CSV, "size", "too_many_columns"),
    Hostile("a million empty columns", lambda: b"," * 1_000_000 + b"x", CSV, "size", "too_many_columns"),
    Hostile(
        "a million cells under sound headings",
        lambda: _sound() + b"x," * 1_000_000,
        CSV,
        "size",
        "too_many_columns",
    ),
    Hostile("a hundred columns", lambda: b",".join([b"name"] * 100), CSV, "size", "too_many_columns"),
    Hostile("NUL", lambda: _sound().replace(b"day", b"d\x00y"), CSV, "syntax", "nul_character"),
    Hostile("a program", lambda: b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8, CSV, "syntax", "nul_character"),
    Hostile("a zip archive", lambda: b"PK\x03\x04" + b"\x00" * 64, CSV, "type", "file_is_sheet"),
    Hostile("UTF-16 without a mark", lambda: _sound().decode().encode("utf-16-le"), CSV, "syntax", "nul_character"),
    Hostile("one endless quote", lambda: _sound() + b'"' + b"x\r\n" * 200_000, CSV, "syntax", "cell_too_long"),
    Hostile("a quote that never closes", lambda: _sound() + b'"abc', CSV, "syntax", "csv_quote"),
    Hostile("text behind a quote", lambda: _sound() + b'"abc"def,', CSV, "syntax", "csv_quote"),
    Hostile("quotes only", lambda: b'"' * 100_001, CSV, "syntax", "csv_quote"),
    Hostile("a cell of a megabyte", lambda: _sound() + b"x" * 1_000_000, CSV, "syntax", "cell_too_long"),
    Hostile(
        "a name of 10,000 characters",
        lambda: to_csv([student(1, name="王" * 10_000)]).encode(),
        CSV,
        "content",
        "faulty_cells",
    ),
    Hostile(
        "formulas everywhere",
        lambda: to_csv([dict.fromkeys(student(1), "=cmd|' /C calc'!A0")]).encode(),
        CSV,
        "content",
        "faulty_cells",
    ),
    Hostile(
        "too many rows",
        lambda: _sound() + _sound().split(b"\r\n")[1].join([b"\r\n"] * 20_100),
        CSV,
        "size",
        "too_many_rows",
    ),
    Hostile("too many objects", lambda: b'{"rows":[' + b"{}," * 20_000 + b"{}]}", JSON, "size", "too_many_rows"),
    Hostile(
        "a million members",
        lambda: b'{"rows":[{' + b",".join(b'"m%d":0' % i for i in range(100_000)) + b"}]}",
        JSON,
        "size",
        "too_many_columns",
    ),
    Hostile(
        "a new wrong word in every cell",
        lambda: to_csv([{name: f"{name}{number}" for name in student(1)} for number in range(19_000)]).encode(),
        CSV,
        "content",
        "faulty_cells",
    ),
    Hostile(
        "new members in every object",
        lambda: to_json([{f"name{number}x{at}": "" for at in range(50)} for number in range(4_000)]),
        JSON,
        "content",
        "faulty_cells",
    ),
    Hostile("deep", lambda: b'{"rows":[{"name":' + b"[" * 200_000, JSON, "syntax", "json_too_deep"),
    Hostile("deep objects", lambda: b'{"rows":' * 50_000, JSON, "syntax", "json_too_deep"),
    Hostile("too many lines", lambda: b"{}\n" * 20_001, NDJSON, "size", "too_many_rows"),
    Hostile("blank lines without end", lambda: b"\n" * 2_000_000 + b"{}", NDJSON, "size", "too_many_rows"),
    Hostile(
        "a line of a million members",
        lambda: b"{" + b",".join(b'"m%d":0' % i for i in range(100_000)) + b"}",
        NDJSON,
        "size",
        "too_many_columns",
    ),
    Hostile(
        "a line of lists in lists", lambda: b'{"name":' + b"[[],[]]," * 100_000, NDJSON, "size", "too_many_columns"
    ),
    Hostile("a deep line", lambda: b'{"name":' + b"[" * 200_000, NDJSON, "syntax", "broken_lines"),
    Hostile("deep lines", lambda: (b'{"a":' * 2_000 + b"\n") * 500, NDJSON, "syntax", "broken_lines"),
    Hostile("a quote that never closes, in lines", lambda: b'{"name":"\n' * 5_000, NDJSON, "syntax", "broken_lines"),
    Hostile(
        "new members in every line",
        lambda: to_ndjson([{f"name{number}x{at}": "" for at in range(50)} for number in range(4_000)]),
        NDJSON,
        "content",
        "faulty_cells",
    ),
    Hostile(
        "NUL in a line", lambda: to_ndjson([student(1)]).replace(b"day", b"d\x00y"), NDJSON, "syntax", "nul_character"
    ),
    Hostile(
        "lines in Big5", lambda: to_ndjson([student(1)]).decode().encode("cp950"), NDJSON, "type", "charset_unsupported"
    ),
    Hostile("CSV sent as lines", _sound, NDJSON, "syntax", "broken_lines"),
    Hostile("a document sent as lines", lambda: to_json([student(1)]), NDJSON, "content", "faulty_cells"),
    Hostile(
        "a document over many lines, sent as lines",
        lambda: to_json([student(1)]).replace(b", ", b",\n"),
        NDJSON,
        "syntax",
        "broken_lines",
    ),
    Hostile("lines sent as a document", lambda: to_ndjson([student(1), student(2)]), JSON, "syntax", "json_syntax"),
    Hostile("JSON sent as CSV", lambda: to_json([student(1)]), CSV, "content", "heading_missing"),
    Hostile("CSV sent as JSON", _sound, JSON, "syntax", "json_syntax"),
    Hostile("a web page", lambda: b"<html><body>Log in</body></html>", CSV, "content", "heading_missing"),
    Hostile("latin-1", lambda: "név\r\nJosé Peña\r\n".encode("latin-1"), CSV, "type", "charset_undecodable"),
    Hostile("a form", lambda: b"a=b&c=d", "application/x-www-form-urlencoded", "type", "media_type_unsupported"),
    Hostile("no type", _sound, "", "type", "media_type_unsupported"),
    Hostile("a spreadsheet's type", _sound, "application/vnd.ms-excel", "type", "media_type_unsupported"),
)
