"""The fee service at work, on a fixed day."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rdss_fee.support import TODAY, A, B, Fee
from tests.support.rosters import set_today
from tests.support.services import running


@pytest.fixture
async def fee(template, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Fee]:
    """The fee service with employers A and B and a scheme, on `TODAY`."""
    set_today(monkeypatch, tmp_path, TODAY)
    async with template("rdss-fee").copy() as urls, running("rdss-fee", urls) as service:
        made = Fee(service)
        await made.scheme()
        await made.employer(A, 1, "甲示範科技股份有限公司")
        await made.employer(B, 2, "乙示範生技股份有限公司")
        yield made
