"""The one clock: Taipei's date, the local offset, and the walls around it."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from shared import clock

VARIABLE = "MUSTER_CLOCK_FILE"


@pytest.fixture
def clock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "clock"
    monkeypatch.setenv(VARIABLE, str(path))
    return path


@pytest.fixture
def no_clock_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.usefixtures("no_clock_file")
@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-09-17T15:59:59+00:00", "2026-09-17"),  # a second to midnight in Taipei
        ("2026-09-17T16:00:00+00:00", "2026-09-18"),
        ("2026-12-31T16:00:00+00:00", "2027-01-01"),
    ],
)
def test_today_is_taipei_s(instant: str, day: str):
    with time_machine.travel(datetime.fromisoformat(instant), tick=False):
        assert clock.today() == date.fromisoformat(day)
        assert clock.now() == datetime.fromisoformat(instant)
        assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    ("content", "day"),
    [("30", "2026-10-18"), ("-18\n", "2026-08-31"), (" +1 \r\n", "2026-09-19"), ("0", "2026-09-18")],
)
def test_the_file_moves_the_day_and_never_the_instant(clock_file: Path, content: str, day: str):
    clock_file.write_text(content)
    with time_machine.travel(datetime(2026, 9, 18, 4, tzinfo=UTC), tick=False):
        assert clock.today() == date.fromisoformat(day)
        assert clock.now() == datetime(2026, 9, 18, 4, tzinfo=UTC)


def test_a_change_of_the_file_is_seen(clock_file: Path):
    with time_machine.travel(datetime(2026, 9, 18, 4, tzinfo=UTC), tick=False):
        assert clock.today() == date(2026, 9, 18), "no file yet: no offset"
        clock_file.write_text("1")
        assert clock.today() == date(2026, 9, 19)
        new = clock_file.with_suffix(".new")
        new.write_text("2")
        new.replace(clock_file)
        assert clock.today() == date(2026, 9, 20)
        clock_file.unlink()
        assert clock.today() == date(2026, 9, 18)


def test_an_unchanged_file_is_not_read_again(clock_file: Path, monkeypatch: pytest.MonkeyPatch):
    clock_file.write_text("7")
    with time_machine.travel(datetime(2026, 9, 18, 4, tzinfo=UTC), tick=False):
        assert clock.today() == date(2026, 9, 25)

        def refuse(*_: object) -> None:
            raise AssertionError("the file was opened again")

        monkeypatch.setattr("builtins.open", refuse)
        assert clock.today() == date(2026, 9, 25)
        monkeypatch.undo()


@pytest.mark.parametrize("content", ["", "soon", "1.5", "1 2", "1e3", "999999", "-36526", "9" * 5000, "１"])
def test_a_malformed_file_says_what_it_must_hold(clock_file: Path, content: str):
    clock_file.write_text(content, encoding="utf-8")
    with pytest.raises(clock.ClockError, match="one whole number of days"):
        clock.today()
    with pytest.raises(clock.ClockError, match="one whole number of days"):
        clock.check_environment("local")


def test_a_folder_is_no_clock(clock_file: Path):
    clock_file.mkdir()
    with pytest.raises(clock.ClockError, match="cannot be read"):
        clock.today()


@pytest.mark.parametrize("environment", ["production", "staging", "", "Local"])
def test_outside_local_mode_a_clock_file_stops_the_start(clock_file: Path, environment: str):
    with pytest.raises(clock.ClockError, match=VARIABLE):
        clock.check_environment(environment)
    clock_file.write_text("0")
    with pytest.raises(clock.ClockError, match=VARIABLE):
        clock.check_environment(environment)


def test_in_local_mode_a_clock_file_is_welcome(clock_file: Path):
    clock.check_environment("local")
    clock_file.write_text("-3")
    clock.check_environment("local")


@pytest.mark.usefixtures("no_clock_file")
def test_without_a_clock_file_every_environment_starts():
    for environment in ("local", "production"):
        clock.check_environment(environment)


def test_two_files_do_not_mix(clock_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock_file.write_text("1")
    other = tmp_path / "other"
    other.write_text("2")
    first = clock.today()
    monkeypatch.setenv(VARIABLE, os.fspath(other))
    assert clock.today() - first == timedelta(days=1)
