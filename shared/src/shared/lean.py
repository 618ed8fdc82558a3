"""Loading a library without another that it would bring along where that happens to be installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """What is imported meanwhile finds none of the modules `names`, unless they were loaded before.

    httpx and structlog load a library for coloured terminals, which is here beside the tools of development: 60 ms and
    5 MB for processes that have no terminal.
    """
    hidden = {name: None for name in names if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
