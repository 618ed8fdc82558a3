"""Work in a thread, one step ahead of whoever takes its results."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def ahead(work: Callable[[T], R], items: Iterable[T]) -> AsyncGenerator[R, None]:
    """The results of `work` on each item, in order; the next is worked on in a thread while one is being used.

    What `work` raises is raised here. Who stops early (`contextlib.aclosing`) leaves one item worked on for nothing.
    """
    left = iter(items)

    def begin() -> "asyncio.Task[R] | None":
        for item in left:
            return asyncio.create_task(asyncio.to_thread(work, item))
        return None

    coming = begin()
    try:
        while coming is not None:
            result = await coming
            coming = begin()
            yield result
    finally:
        if coming is not None:
            coming.cancel()
