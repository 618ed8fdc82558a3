"""What a route depends on runs in the event loop: FastAPI hands a plain function to a thread, at a tenth of a page."""

import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

SERVICES = ("identity", "notify", "rdss_fee", "roster")


def routers(service: str) -> Iterator[APIRouter]:
    import_module(f"{service}.main")
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{service}.") and name.endswith(("routes", "main")):
            yield from (found for found in vars(module).values() if isinstance(found, APIRouter))


def dependencies(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for inner in dependant.dependencies:
        assert inner.call is not None
        yield inner.call
        yield from dependencies(inner)


def in_threads(router: APIRouter) -> set[str]:
    """The dependencies of a router's routes that are no coroutine functions."""
    found = set()
    for route in router.routes:
        if isinstance(route, APIRoute):
            for call in dependencies(route.dependant):
                called = call if inspect.isroutine(call) else type(call).__call__
                if not (inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)):
                    found.add(f"{call.__module__}.{getattr(call, '__qualname__', type(call).__qualname__)}")
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_no_dependency_is_handed_to_a_thread(service: str) -> None:
    found = list(routers(service))
    assert sum(len(router.routes) for router in found) > 10
    assert [in_threads(router) for router in found if in_threads(router)] == []


def test_control_a_plain_function_and_a_class_are_found() -> None:
    def plain() -> int:
        return 1

    class Made:
        def __init__(self, limit: int = 1) -> None:
            self.limit = limit

    async def waits(inner: Annotated[int, Depends(plain)]) -> int:
        return inner

    router = APIRouter()

    @router.get("/x")
    async def route(one: Annotated[int, Depends(waits)], two: Annotated[Made, Depends()]) -> None:
        """Depends on both."""

    assert {name.rpartition(".")[2] for name in in_threads(router)} == {"plain", "Made"}
