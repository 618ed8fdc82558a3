"""What all services share."""

import sys

# httpx and structlog load a library for coloured terminals wherever it is installed, as it is beside the tools of
# development: 60 ms and 5 MB in each of eight processes that have no terminal.
_unwanted = [name for name in ("pygments", "rich") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_unwanted))  # type: ignore[arg-type]
try:
    import httpx
    import structlog
finally:
    for _name in _unwanted:
        del sys.modules[_name]
del httpx, structlog
