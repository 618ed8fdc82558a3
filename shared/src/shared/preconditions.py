"""`If-Match` and `ETag`: every change states the version it saw."""

from shared.problems import PRECONDITION_FAILED


def etag(version: int) -> dict[str, str]:
    """The header that tells a thing's version."""
    return {"ETag": f'"{version}"'}


def require(seen: int, current: int) -> None:
    """Raise 412 when `current` is no longer what was seen."""
    if seen != current:
        raise PRECONDITION_FAILED(headers=etag(current))
