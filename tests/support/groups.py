"""What the tests of one `xdist_group` share for longer than a module ends with the last of them.

A session's fixture would end with the worker: a suite that nobody asks any more takes a tenth of a processor from the
tests that go on for minutes.
"""

from collections.abc import Callable

import pytest

# By the identity of the test that is the last of its group: the group.
LAST: dict[int, str] = {}
_ENDS: dict[str, list[Callable[[], object]]] = {}


def of(item: pytest.Item) -> str:
    """The group of a test; empty when it has none."""
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else ""


def ends_with(group: str, end: Callable[[], object]) -> None:
    """Call `end` after the last test of `group`; it may be called once more when the session ends."""
    _ENDS.setdefault(group, []).append(end)


def over(item: pytest.Item) -> None:
    """`item` is over."""
    for end in reversed(_ENDS.pop(LAST.get(id(item), ""), [])):
        end()
