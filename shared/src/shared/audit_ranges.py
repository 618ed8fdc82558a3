"""Sets of row ids as an `int8multirange` has them: half-open ranges, ascending, none touching the next."""

import re
from bisect import bisect_right
from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]

FOREVER = 2**63 - 1
_RANGE = re.compile(r"\[(-?\d+),(-?\d+)\)")


def read(written: str) -> Ranges:
    """From PostgreSQL's `{[1,5),[7,9)}`; a range without an end reads as none at all."""
    return tuple((int(first), int(after)) for first, after in _RANGE.findall(written))


def write(ids: Ranges) -> str:
    """As PostgreSQL reads an `int8multirange`."""
    return "{" + ",".join(f"[{first},{after})" for first, after in ids) + "}"


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same ids in ascending ranges that do not touch."""
    result: list[tuple[int, int]] = []
    for first, after in sorted(r for r in ranges if r[0] < r[1]):
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(after, result[-1][1]))
        else:
            result.append((first, after))
    return tuple(result)


def of_ids(ids: Iterable[int]) -> Ranges:
    """Single ids as ranges."""
    return merged((number, number + 1) for number in ids)


def without(ids: Ranges, taken: Ranges) -> Ranges:
    """The ids that are not among `taken`."""
    result: list[tuple[int, int]] = []
    place = 0
    for first, after in ids:
        while place < len(taken) and taken[place][1] <= first:
            place += 1
        at = place
        while at < len(taken) and taken[at][0] < after:
            if first < taken[at][0]:
                result.append((first, taken[at][0]))
            first = max(first, taken[at][1])
            at += 1
        if first < after:
            result.append((first, after))
    return tuple(result)


def size(ids: Ranges) -> int:
    """How many ids."""
    return sum(after - first for first, after in ids)


def holds(ids: Ranges, number: int) -> bool:
    """Whether `number` is among them."""
    place = bisect_right(ids, (number, FOREVER + 1)) - 1
    return place >= 0 and number < ids[place][1]
