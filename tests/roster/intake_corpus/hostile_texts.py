"""Hostile text files beyond those of `hostile`: charsets, marks, and JSON as only a program would write it."""

from roster.intake.reading import CSV, JSON, NDJSON
from tests.roster.intake_corpus.files import student, to_csv, to_json, to_ndjson
from tests.roster.intake_corpus.hostile import Hostile


def _csv(**changes: str) -> bytes:
    return to_csv([student(1, **changes)]).encode()


def _big5(code: bytes) -> bytes:
    return to_csv([student(1, name="王@")]).encode("cp950").replace(b"@", code)


HOSTILE_TEXTS = (
    Hostile("UTF-16 with a mark", lambda: _csv().decode().encode("utf-16"), CSV, "type", "charset_utf16"),
    Hostile("UTF-32 with a mark", lambda: _csv().decode().encode("utf-32"), CSV, "type", "charset_utf16"),
    Hostile("UTF-16 told", lambda: _csv().decode().encode("utf-16-le"), CSV, "type", "charset_utf16", "utf-16le"),
    Hostile("UTF-7 told", lambda: _csv().decode().encode("utf-7"), CSV, "type", "charset_unsupported", "utf-7"),
    Hostile("UTF-7 not told", lambda: _csv().decode().encode("utf-7"), CSV, "content", "faulty_cells"),
    Hostile(
        "EBCDIC", lambda: _csv(name="WANG").decode().encode("cp500", "replace"), CSV, "type", "charset_undecodable"
    ),
    Hostile("two marks", lambda: b"\xef\xbb\xbf" * 2 + _csv(), CSV, "content", "column_unknown"),
    Hostile("a mark in the middle", lambda: _csv(name="王\ufeff小"), CSV, "taken", ""),
    Hostile(
        "a mark of UTF-8 and Big5 behind it", lambda: b"\xef\xbb\xbf" + _big5(b"A"), CSV, "content", "undefined_bytes"
    ),
    Hostile("overlong UTF-8", lambda: _csv().replace("王".encode(), b"\xc0\xaf"), CSV, "content", "undefined_bytes"),
    Hostile(
        "half a surrogate pair in UTF-8",
        lambda: _csv().replace("王".encode(), b"\xed\xa0\x80"),
        CSV,
        "content",
        "undefined_bytes",
    ),
    Hostile(
        "characters past Unicode",
        lambda: _csv().replace("王".encode(), b"\xf5\x80\x80\x80"),
        CSV,
        "content",
        "undefined_bytes",
    ),
    Hostile("a gap of CP950", lambda: _big5(b"\xa3\xc0"), CSV, "content", "undefined_bytes", "big5"),
    Hostile("half a character of CP950", lambda: _big5(b"\xa4"), CSV, "content", "undefined_bytes", "cp950"),
    Hostile(
        "user-defined characters of CP950", lambda: _big5(b"\xfa\x40\x8e\x40\x81\x40\xc8\xfe"), CSV, "taken", "", "big5"
    ),
    Hostile("right to left", lambda: _csv(name="\u202e王小明"), CSV, "content", "control_character"),
    Hostile("a line feed in a name", lambda: _csv(name="王\n小明"), CSV, "content", "control_character"),
    Hostile("a million rows", lambda: b"x\r\n" * 1_000_000, CSV, "content", "delimiter"),
    Hostile("a million students", lambda: _csv() + b"A,b\r\n" * 1_000_000, CSV, "size", "too_many_rows"),
    Hostile("more than 16 MiB", lambda: _csv() + b" " * (16 * 1024 * 1024), CSV, "size", "too_large"),
    Hostile(
        "a number of 5,000 digits",
        lambda: b'{"rows":[{"class_year":' + b"9" * 5_000 + b"}]}",
        JSON,
        "syntax",
        "json_number",
    ),
    Hostile("a large exponent", lambda: to_json([student(1)]).replace(b'"3"', b"1e400"), JSON, "content", "json_type"),
    Hostile("NaN", lambda: to_json([student(1)]).replace(b'"3"', b"NaN"), JSON, "syntax", "json_number"),
    Hostile(
        "the same name twice",
        lambda: to_json([student(1)]).replace(b'"division"', b'"name"'),
        JSON,
        "syntax",
        "json_repeated_name",
    ),
    Hostile("rows twice", lambda: b'{"rows":[],"rows":[]}', JSON, "syntax", "json_repeated_name"),
    Hostile(
        "JSON in UTF-16", lambda: to_json([student(1)]).decode().encode("utf-16"), JSON, "type", "charset_unsupported"
    ),
    Hostile("a prototype", lambda: to_json([student(1) | {"__proto__": "x"}]), JSON, "content", "column_unknown"),
    Hostile(
        "half a pair, escaped",
        lambda: to_json([student(1)]).replace("王".encode(), b"\\ud842"),
        JSON,
        "content",
        "control_character",
    ),
    Hostile(
        "NUL, escaped",
        lambda: to_ndjson([student(1)]).replace("王".encode(), b"\\u0000"),
        NDJSON,
        "content",
        "control_character",
    ),
    Hostile(
        "an ID that is an object",
        lambda: to_json([{**student(1), "national_id": {"$ne": ""}}]),
        JSON,
        "content",
        "json_type",
    ),
)
