"""Places of which there are few: whoever finds none for too long is told to come back, before he gives up himself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from shared.problems import UNAVAILABLE


@asynccontextmanager
async def turn(*places: asyncio.Semaphore, seconds: int) -> AsyncIterator[None]:
    """One of each of `places`, taken in their order, for as long as the block runs.

    Raises `UNAVAILABLE` (503, `Retry-After`) where it has not all of them after `seconds`, and holds none then.
    """
    async with AsyncExitStack() as held:
        try:
            async with asyncio.timeout(seconds):
                for place in places:
                    await held.enter_async_context(place)
        except TimeoutError:
            raise UNAVAILABLE(headers={"Retry-After": str(seconds)}) from None
        yield
