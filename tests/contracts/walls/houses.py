"""The services furnished, one at a time, each on a database of its own."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.contracts.walls import identity, notify, rdss_fee, roster
from tests.contracts.walls.operations import SERVICES
from tests.contracts.walls.rows import Row, World
from tests.support import rosters
from tests.support.databases import Template
from tests.support.services import running

FIXTURES = {"identity": identity, "notify": notify, "rdss-fee": rdss_fee, "roster": roster}
ROWS: dict[str, dict[str, Row]] = {service: FIXTURES[service].ROWS for service in SERVICES}


async def house_of(
    service: str, template: Callable[[str], Template], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """The service with things of A and of others in it, on the day of `rosters.TODAY`; one item, for a fixture."""
    own_keys: dict[str, Any] = {"keys": None} if service == "identity" else {}
    async with template(service).copy() as urls:
        with pytest.MonkeyPatch.context() as patch:
            rosters.set_today(patch, tmp_path_factory.mktemp(service))
            async with running(service, urls, **own_keys) as started:
                yield await FIXTURES[service].furnish(started)
