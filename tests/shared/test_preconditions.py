"""`If-Match`: what is a version, and what is none."""

import pytest

from shared.if_match import if_match
from shared.preconditions import etag, require
from shared.problems import ProblemError


@pytest.mark.parametrize(
    ("given", "version"), [('"3"', 3), ("3", 3), (' "3" ', 3), ('"0"', 0), ('"999999999"', 999_999_999)]
)
async def test_a_version_is_read(given, version):
    assert await if_match(given) == version


@pytest.mark.parametrize(
    "given",
    [
        "",
        '""',
        "*",
        'W/"3"',
        '"3", "4"',
        '"-1"',
        '"1.0"',
        '"x"',
        '"３"',
        '"²"',
        '"1234567890"',
        '"1e3"',
        "\x00",
        '"0x1"',
    ],
)
async def test_what_is_no_version_is_400(given):
    with pytest.raises(ProblemError) as refused:
        await if_match(given)
    assert refused.value.type.status == 400


async def test_a_version_that_is_not_said_is_428():
    with pytest.raises(ProblemError) as refused:
        await if_match(None)
    assert refused.value.type.status == 428


def test_another_version_is_412_and_the_present_one_is_told():
    require(3, 3)
    for seen in (2, 4):
        with pytest.raises(ProblemError) as refused:
            require(seen, 3)
        assert (refused.value.type.status, refused.value.headers) == (412, {"ETag": '"3"'})


@pytest.mark.parametrize("version", [0, 1, 123])
async def test_what_is_told_is_what_is_read(version):
    assert await if_match(etag(version)["ETag"]) == version
