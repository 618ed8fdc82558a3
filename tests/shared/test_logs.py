"""Logs: one JSON object a line, and nobody's number or name in any of them."""

import asyncio
import gc
import io
import json
import logging
import sys

import pytest
import structlog

from shared import logs
from tests.shared.probe import PLANTED

WIDE = "Ａ１２３４５６７８９"
SHOWN = "A12****789"


def text(lines) -> str:
    return json.dumps(lines, ensure_ascii=False)


@pytest.mark.parametrize(
    "value",
    [
        PLANTED,
        WIDE,
        f"a{PLANTED}b",
        f'{{"national_id": "{PLANTED}"}}',
        f"\\n{PLANTED.lower()}",
        f"%22{PLANTED.lower()}%22",
        {PLANTED: 1},
        {"a": [{"b": (PLANTED, {PLANTED})}]},
        PLANTED.encode(),
        ValueError(PLANTED),
        (WIDE, f"x={WIDE}"),
        {("a", PLANTED): 1},
    ],
    ids=repr,
)
async def test_a_number_is_masked_wherever_it_stands(said, value):
    logs.get("x").warning("event", fact=value)
    logs.get("x").warning(str(value))
    logging.getLogger("library").warning("said %s", value)
    logging.getLogger("uvicorn.error").error(f"said {value}")
    with structlog.contextvars.bound_contextvars(bound=value):
        logs.get("x").info("bound")
    lines = said()
    assert len(lines) == 5
    for planted in (PLANTED, PLANTED.lower(), WIDE):
        assert planted not in text(lines)
    assert text(lines).lower().count(SHOWN.lower()) >= 5


def test_without_the_processor_it_would_stand_there(said, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(logs, "mask_ids_in", lambda value: value)
    logs.get("x").warning("event", fact=PLANTED)
    assert PLANTED in text(said())


def fail() -> None:
    """Three errors with words in them, the first the cause of the second, both in a group."""
    try:
        raise KeyError(f"王小明 {PLANTED}")
    except KeyError as first:
        try:
            raise ValueError("王小明") from first
        except ValueError as second:
            raise ExceptionGroup("王小明", [second, RuntimeError(WIDE)]) from None


def test_a_traceback_names_classes_and_places_only(said):
    for log in (logs.get("x"), logging.getLogger("uvicorn.error"), logging.getLogger("library")):
        try:
            fail()
        except ExceptionGroup as error:
            log.error("failed", exc_info=error)
            log.exception("failed")
            log.error("failed", exc_info=(type(error), error, error.__traceback__))
            log.error("failed", exc_info=True)
    lines = said()
    assert len(lines) == 12
    for line in lines:
        kinds = [part for part in line["exception"] if not part.startswith(" ")]
        assert kinds == [
            "builtins.ExceptionGroup",
            "builtins.ValueError",
            "builtins.RuntimeError",
            "builtins.KeyError",
        ]
        assert any(part.endswith(" fail") for part in line["exception"])
    for word in ("王小明", PLANTED, WIDE, SHOWN):
        assert word not in text(lines)


def test_errors_that_cause_each_other_are_told_once(said):
    one, two = ValueError("a"), ValueError("b")
    one.__cause__, two.__cause__ = two, one
    logs.get("x").error("failed", exc_info=one)
    assert said()[0]["exception"] == ["builtins.ValueError"] * 2


async def test_what_asyncio_says_of_a_lost_error_leaves_out_its_words(said):
    async def fails() -> None:
        raise ValueError("王小明")

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
    (line,) = said()
    assert line["event"] == "Task exception was never retrieved"
    assert line["exception"][0] == "builtins.ValueError"
    assert "王小明" not in text(line)


def test_what_cannot_be_said_is_not_shown_either(said, capsys):
    """The standard library would print message and arguments to stderr."""
    record = logging.getLogger("library").makeRecord("x", logging.ERROR, __file__, 1, "number %d", (PLANTED,), None)
    # Only to our handler: pytest's own would raise.
    next(h for h in logging.getLogger().handlers if type(h).__module__ == "shared.logs").handle(record)
    (line,) = said()
    assert line["event"] == "log_line_lost"
    assert PLANTED not in text(line) + "".join(capsys.readouterr())


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp950"])
def test_any_text_reaches_any_output(monkeypatch, encoding):
    """Half characters, rare characters, a locale that knows neither: a line is a line, and it is JSON."""
    raw = io.BytesIO()
    output = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", output)
    logs.configure("probe")
    monkeypatch.undo()
    try:
        logs.get("x").warning("half \ud800 and 𡘙", name="堃")
        line = raw.getvalue().decode("utf-8")
        assert "堃" in line
        assert json.loads(line)["event"] == "half \ud800 and 𡘙"
        output.close()
        logs.get("x").warning("after the end of the output")
    finally:
        logs.configure("probe", "WARNING")


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError(PLANTED)


def test_a_line_of_ours_that_cannot_be_made_is_told_as_lost_and_fails_nobody(said):
    logs.get("x").info("event", fact=Unspeakable())
    logs.get("x").info("after")
    lost, after = said()
    assert (lost["event"], lost["at"], after["event"]) == ("log_line_lost", "info:ValueError", "after")
    assert PLANTED not in text(lost)


def test_who_narrates_addresses_is_quiet(said):
    for name in ("httpx", "httpcore", "uvicorn.access", "aiosmtplib"):
        logging.getLogger(name).info("GET /x?name=王小明")
    assert said() == []


def test_every_line_tells_who_when_and_how_grave(said):
    logs.get("x").info("something_done", count=1, ok=True, none=None, part=0.5)
    (line,) = said()
    assert {k: line[k] for k in ("service", "level", "event", "count", "ok", "none", "part")} == {
        "service": "probe",
        "level": "info",
        "event": "something_done",
        "count": 1,
        "ok": True,
        "none": None,
        "part": 0.5,
    }
    assert line["timestamp"].endswith("Z")
