"""A county at work, on a fixed day."""

import pytest

from tests.support import rosters
from tests.support.rosters import County
from tests.support.services import Service


@pytest.fixture
async def county(roster: Service, monkeypatch: pytest.MonkeyPatch, tmp_path) -> County:
    """The roster service with two schools and a term, on `rosters.TODAY`."""
    rosters.set_today(monkeypatch, tmp_path)
    return await rosters.county(roster)
