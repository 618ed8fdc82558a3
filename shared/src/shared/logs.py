"""Structured logs, one JSON object a line on standard output, without personal data.

Every text that passes is searched for national IDs and masks them (`shared.ids.mask_ids_in`): the last wall, for
messages of libraries that we do not write ourselves. Tracebacks name classes and
places only.
"""

import contextlib
import logging
import sys
import traceback
from io import TextIOWrapper
from typing import Any, TextIO

from shared.ids import mask_ids_in
from shared.lean import without_terminal

with without_terminal():
    import structlog
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_ids_in(value)
    if isinstance(value, dict):
        return {mask_ids_in(str(k)): _masked(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(v) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return mask_ids_in(str(value))


def _frames(error: BaseException) -> list[str]:
    lines: list[str] = []
    seen: set[int] = set()
    steps = [error]
    while steps:
        step = steps.pop(0)
        if id(step) in seen:
            continue
        seen.add(id(step))
        kind = f"{type(step).__module__}.{type(step).__qualname__}"
        state = getattr(step, "sqlstate", None)
        lines.append(f"{kind} sqlstate={state}" if state else kind)
        # Not extract_tb: it reads the source of every frame, which nobody asks for here.
        walked = traceback.walk_tb(step.__traceback__)
        lines += [f"  {frame.f_code.co_filename}:{line} {frame.f_code.co_name}" for frame, line in walked]
        if isinstance(step, BaseExceptionGroup):
            steps += step.exceptions
        if (before := step.__cause__ or step.__context__) is not None:
            steps.append(before)
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


_render = structlog.processors.JSONRenderer(ensure_ascii=False)
_LOST = '{{"level":"error","event":"log_line_lost","at":"{}"}}'


def _finished(logger: WrappedLogger, method: str, event: EventDict) -> str:
    line = _render(logger, method, mask_personal_data(logger, method, tell_exception(logger, method, event)))
    return line if isinstance(line, str) else line.decode()


def _finished_or_lost(logger: WrappedLogger, method: str, event: EventDict) -> str:
    # Of a library's lines the handler sees to this; ours must not fail who writes them either.
    try:
        return _finished(logger, method, event)
    except Exception as error:
        return _LOST.format(f"{method}:{type(error).__name__}")


class _Output(logging.StreamHandler[TextIO]):
    """Standard output; what cannot be written is told by its place, never shown, as the standard library would."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """A line without the message and its arguments."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(_LOST.format(f"{record.module}:{record.lineno}") + "\n")


class _Lines:
    """Where finished lines of ours go: to the handler's stream, whole, between those of libraries."""

    def __init__(self, handler: _Output) -> None:
        self._handler = handler

    def _line(self, line: str) -> None:
        handler = self._handler
        with contextlib.suppress(OSError, ValueError), handler.lock or contextlib.nullcontext():
            handler.stream.write(f"{line}\n")
            handler.flush()

    debug = info = warning = error = critical = exception = _line


def _first_line(record: logging.LogRecord) -> bool:
    # asyncio adds the repr of tasks, and with it their exceptions' words; the traceback is ours to tell.
    record.msg, record.args = record.getMessage().partition("\n")[0], ()
    return True


def configure(service: str, level: str = "INFO") -> None:
    """Send our logs and those of all libraries to standard output as JSON, masked, with `service` bound."""
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"service": service, **event},
    ]
    if isinstance(sys.stdout, TextIOWrapper):
        # Whatever the locale says, and whatever half characters a message holds.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    handler = _Output(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _finished],
        )
    )
    # Our own lines do not pass the standard library, which takes twice the time; every request writes one.
    structlog.configure(
        processors=[*before, _finished_or_lost],
        logger_factory=lambda *_names: _Lines(handler),
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
        # One level for all; whoever started the server may have given its loggers another.
        logger.setLevel(logging.NOTSET)
        logger.disabled = False
    # These narrate every request with its full address; what we want to know of a call we log ourselves.
    for name in ("httpx", "httpcore", "aiosmtplib", "asyncio", "aiohttp.access", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    asyncio = logging.getLogger("asyncio")
    asyncio.removeFilter(_first_line)
    asyncio.addFilter(_first_line)


def begin(**bound: object) -> None:
    """From here on every line of this task carries `bound`, and nothing that was bound before."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**bound)


def bound(name: str) -> Any:
    """What this task's lines carry under `name`; None: nothing."""
    return structlog.contextvars.get_contextvars().get(name)


def get(name: str) -> FilteringBoundLogger:
    """A logger for the module `name`; events are short snake_case phrases with key-value facts."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger
