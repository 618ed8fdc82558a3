"""Work that is one step ahead of who takes it."""

import asyncio
import gc
import threading

import pytest

from shared.ahead import ahead


async def test_results_come_in_order_and_one_is_begun_before_it_is_asked_for():
    begun: list[int] = []
    second = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 2:
            second.set()
        return number * 10

    taken: list[int] = []
    async for result in ahead(work, [1, 2, 3, 4]):
        if not taken:
            # Nobody has asked for the second yet, and nobody begins the third before it is taken.
            assert await asyncio.to_thread(second.wait, 30)
            assert begun == [1, 2]
        taken.append(result)
    assert taken == [10, 20, 30, 40]
    assert [result async for result in ahead(work, [])] == []


async def test_what_work_raises_is_raised_in_its_turn():
    def work(number: int) -> int:
        if number == 2:
            raise LookupError("two")
        return number

    results = ahead(work, [1, 2, 3])
    assert await anext(results) == 1
    with pytest.raises(LookupError, match="two"):
        await anext(results)


async def test_who_stops_early_leaves_nothing_behind():
    left = threading.Event()

    def work(number: int) -> int:
        if number == 2:
            left.set()
            raise LookupError("nobody asks for it")
        return number

    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    try:
        results = ahead(work, [1, 2, 3])
        assert await anext(results) == 1
        assert await asyncio.to_thread(left.wait, 30)
        await results.aclose()
        await asyncio.sleep(0.05)
        gc.collect()
    finally:
        asyncio.get_running_loop().set_exception_handler(None)
    assert complaints == []
