"""Framing, sizes and paths: what two readers could read in two ways is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits import BAD_FRAMING, BAD_PATH, Framing, check_body, check_sizes, framing, public_path
from shared.problems import ProblemError

PATHS = [
    (b"/", "/"),
    (b"/roster/v1/rosters", "/roster/v1/rosters"),
    (b"/roster/v1/rosters/", "/roster/v1/rosters/"),
    (b"/roster/v1/ro%73ters", "/roster/v1/rosters"),
    (b"/%72oster/v1/rosters", "/roster/v1/rosters"),
    (b"/a/b-c_d.e~f:g@h,i", "/a/b-c_d.e~f:g@h,i"),
    (b"/a/...", "/a/..."),
    (b"/identity/v1/.well-known/jwks.json", "/identity/v1/.well-known/jwks.json"),
]

BAD_PATHS = [
    b"",
    b"*",
    b"roster/v1",
    b"http://evil.example/roster/v1/rosters",
    b"//evil.example/roster/v1/rosters",
    b"/roster//v1",
    b"/roster/v1//",
    b"/.",
    b"/..",
    b"/a/./b",
    b"/a/../b",
    b"/a/%2e%2e/b",
    b"/a/%2E./b",
    b"/a/b/..",
    b"/a/b/%2e",
    b"/a%2fb",
    b"/a%2Fb",
    b"/a%5cb",
    b"/a\\b",
    b"/a%00",
    b"/a%0d%0aX:1",
    b"/a%",
    b"/a%4",
    b"/a%zz",
    b"/a%252e%252e/b",
    b"/a%25",
    b"/a;v=1",
    b"/a%3bv=1",
    b"/a;/../b",
    b"/a%3fx=1",
    b"/a%23",
    b"/a%20b",
    b"/a+b",
    b"/a%ff",
    b"/a%c0%ae",
    b"/%E5%8F%B0",
    b"/a\xff",
    b"/a\x00",
    b"/a%u002e",
    b"/a\n",
]


@pytest.mark.rule("GW-08")
@pytest.mark.parametrize("raw, path", PATHS)
def test_paths_are_decoded_once(raw: bytes, path: str) -> None:
    assert public_path(raw) == path


@pytest.mark.rule("GW-08")
@pytest.mark.parametrize("raw", BAD_PATHS)
def test_paths_that_could_be_read_twice_are_refused(raw: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        public_path(raw)
    assert refused.value.type is BAD_PATH


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from([b"/", b".", b"%2e", b"%2F", b"a", b"%25", b";"])).map(b"".join)
)
def test_a_path_that_passes_is_its_own_normal_form(raw: bytes) -> None:
    try:
        path = public_path(raw)
    except ProblemError:
        return
    assert public_path(path.encode()) == path
    assert ".." not in path.split("/")


FRAMINGS = [
    ([], "1.1", 0),
    ([(b"content-length", b"0")], "1.1", 0),
    ([(b"content-length", b"17")], "1.1", 17),
    ([(b"content-length", b"17")], "1.0", 17),
    ([(b"transfer-encoding", b"chunked")], "1.1", None),
]

BAD_FRAMINGS = [
    ([(b"transfer-encoding", b"chunked"), (b"content-length", b"5")], "1.1"),
    ([(b"content-length", b"5"), (b"transfer-encoding", b"chunked")], "1.1"),
    ([(b"content-length", b"5"), (b"content-length", b"5")], "1.1"),
    ([(b"content-length", b"5"), (b"content-length", b"6")], "1.1"),
    ([(b"content-length", b"5, 5")], "1.1"),
    ([(b"content-length", b"+5")], "1.1"),
    ([(b"content-length", b"-5")], "1.1"),
    ([(b"content-length", b"0x5")], "1.1"),
    ([(b"content-length", b"5_0")], "1.1"),
    ([(b"content-length", b"")], "1.1"),
    ([(b"content-length", b"5 ")], "1.1"),
    ([(b"content-length", b"9" * 16)], "1.1"),
    ([(b"transfer-encoding", b"identity")], "1.1"),
    ([(b"transfer-encoding", b"gzip, chunked")], "1.1"),
    ([(b"transfer-encoding", b"chunked, chunked")], "1.1"),
    ([(b"transfer-encoding", b"xchunked")], "1.1"),
    ([(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], "1.1"),
    ([(b"transfer-encoding", b"chunked")], "1.0"),
]


@pytest.mark.rule("GW-08")
@pytest.mark.parametrize("headers, version, length", FRAMINGS)
def test_framing(headers: list[tuple[bytes, bytes]], version: str, length: int | None) -> None:
    assert framing(headers, version) == Framing(length)
    assert framing(headers, version).empty == (length == 0)


@pytest.mark.rule("GW-08")
@pytest.mark.parametrize("headers, version", BAD_FRAMINGS)
def test_ambiguous_framing_is_refused(headers: list[tuple[bytes, bytes]], version: str) -> None:
    with pytest.raises(ProblemError) as refused:
        framing(headers, version)
    assert refused.value.type is BAD_FRAMING
    assert refused.value.headers == {"Connection": "close"}


@pytest.mark.parametrize(
    "path, query, headers, status",
    [
        (b"/" + b"a" * 8191, b"", [], None),
        (b"/" + b"a" * 8191, b"q", [], 414),
        (b"/", b"", [(b"a", b"b")] * 100, None),
        (b"/", b"", [(b"a", b"b")] * 101, 431),
        (b"/", b"", [(b"aa", b"b" * 16382)], None),
        (b"/", b"", [(b"aa", b"b" * 16383)], 431),
    ],
)
def test_sizes(path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], status: int | None) -> None:
    if status is None:
        check_sizes(path, query, headers)
        return
    with pytest.raises(ProblemError) as refused:
        check_sizes(path, query, headers)
    assert refused.value.type.status == status


@pytest.mark.parametrize("length, limit, passes", [(5, 5, True), (6, 5, False), (None, 5, True), (0, 0, True)])
def test_body_limits(length: int | None, limit: int, passes: bool) -> None:
    if passes:
        check_body(length, limit)
    else:
        with pytest.raises(ProblemError, match="413"):
            check_body(length, limit)
