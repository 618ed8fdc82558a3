"""Negative controls of the kill test: two faults that lose something, and the same questions find the loss.

Where nothing is wrong, the same blows on the same small arrangement lose nothing.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.support.faults_small import Small

pytestmark = [pytest.mark.xdist_group("kills"), pytest.mark.timeout(300)]

BETWEEN = 20  # accounts created from one blow to the next
MOST_BLOWS = 30
# Commits are answered before they are on disk, and nothing hurries to bring them there.
ASYNCHRONOUS = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}


def _until_lost(small: Small, blow: Callable[[], None], what: str) -> int:
    """The number of blows until something of `what` was lost."""
    for blows in range(1, MOST_BLOWS + 1):
        small.wait_for_work(BETWEEN)
        blow()
        if lost := [loss for loss in small.losses() if loss.startswith(f"{what} lost")]:
            print(f"{len(lost)} of {len(small.acknowledged)} acknowledged: {what} lost after {blows} blows")
            return blows
    raise AssertionError(f"no {what} lost in {MOST_BLOWS} blows: the kill test would not notice either")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """Started once; each test arranges it anew."""
    with Small(tmp_path_factory.mktemp("small")).at_work() as running:
        yield running


def test_where_nothing_is_wrong_nothing_is_lost(small: Small) -> None:
    small.arrange("together")
    for blow in (small.kill_service, small.kill_postmaster) * 2:
        small.wait_for_work(BETWEEN)
        blow()
        assert small.losses() == []


def test_commits_that_are_not_on_disk_are_lost_with_the_postmaster(small: Small) -> None:
    small.arrange("together", **ASYNCHRONOUS)
    _until_lost(small, small.kill_postmaster, "account")


def test_an_event_in_a_transaction_of_its_own_is_lost_with_the_service(small: Small) -> None:
    """Whoever sends the request again is given the first answer: nobody will ever write the event."""
    small.arrange("apart")
    _until_lost(small, small.kill_service, "event")
    assert [loss for loss in small.losses() if not loss.startswith("event")] == [], "the rows themselves are there"
