"""Loading a library without another that it would bring along where that happens to be installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TERMINAL = ("pygments", "rich")


@contextmanager
def without_terminal() -> Iterator[None]:
    """What is imported meanwhile finds no library for coloured terminals, unless one was loaded before.

    httpx and structlog load it where it is installed, as it is beside the tools of development: 60 ms and 5 MB for
    processes that have no terminal.
    """
    hidden = {name: None for name in _TERMINAL if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
