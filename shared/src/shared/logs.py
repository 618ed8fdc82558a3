"""Structured logs, one JSON object a line on standard output, without personal data.

Every text that passes is searched for national IDs and masks them (`shared.ids.mask_ids_in`): the last wall, for
messages of libraries that we do not write ourselves. Tracebacks name classes and
places only.
"""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from shared.ids import mask_ids_in


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_ids_in(value)
    if isinstance(value, dict):
        return {k: _masked(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(v) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return mask_ids_in(str(value))


def _frames(error: BaseException) -> list[str]:
    lines: list[str] = []
    seen: set[int] = set()
    step: BaseException | None = error
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        kind = f"{type(step).__module__}.{type(step).__qualname__}"
        state = getattr(step, "sqlstate", None)
        lines.append(f"{kind} sqlstate={state}" if state else kind)
        lines += [
            f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(step.__traceback__)
        ]
        step = step.__cause__ or step.__context__
    return lines


def tell_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The structlog processor for tracebacks: classes and places, never an exception's own words.

    What libraries write into them (a database's DETAIL, a validator's `input`) may be a draftee's name or number.
    """
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        event["exception"] = _frames(error)
    return event


def mask_personal_data(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The structlog processor that masks national IDs in every value of an event."""
    return {key: _masked(value) for key, value in event.items()}


def configure(service: str, level: str = "INFO") -> None:
    """Send our logs and those of all libraries to standard output as JSON, masked, with `service` bound."""
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"service": service, **event},
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                tell_exception,
                mask_personal_data,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
    # These narrate every request with its full address; what we want to know of a call we log ourselves.
    for name in ("httpx", "httpcore", "aiosmtplib", "asyncio", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.WARNING)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for the module `name`; events are short snake_case phrases with key-value facts."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
