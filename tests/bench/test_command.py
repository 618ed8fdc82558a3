"""The command: what is chosen, what is printed where, what a failure does to the others."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import __main__ as command
from bench.place import BusyError, Place, only_one
from bench.results import Row, within
from bench.rounds import DifferentAnswersError

# What issues and readers of the output ask for by name.
# fmt: off
NAMES = {
    "suite": {"suite_start", "idle_memory"},
    "roster": {
        "roster_submission_2000", "roster_submission_2000_faulty", "roster_page_50", "roster_entry_read",
        "roster_review_one", "roster_decide_2000", "roster_export_100k", "roster_export_memory",
        "roster_search_1m",
    },
    "fee": {"billing_60k", "billing_growth", "billing_rerun", "reconcile_100k", "reconcile_1m"},
    "gateway": {"gateway_warm"},
}
# fmt: on


def good(_place: Place) -> Iterator[Row]:
    yield within("good", "s", 1.0, 2.0)


def without_peer(_place: Place) -> Iterator[Row]:
    yield Row("alone", "s", "lower", 1.0, "Peer", skipped="offline")


def wrong(_place: Place) -> Iterator[Row]:
    if _place.name == "wrong":
        raise DifferentAnswersError("a answers 1; b answers 2")
    yield from good(_place)


def test_groups_and_names():
    assert {group: set(members) for group, members in command.GROUPS.items()} == NAMES
    assert set(command.chosen("") or {}) == set().union(*NAMES.values())
    assert set(command.chosen("suite") or {}) == NAMES["suite"]
    assert set(command.chosen("gateway_warm") or {}) == {"gateway_warm"}
    assert command.chosen("nobody") is None


def test_rows_go_to_stdout_and_progress_beside_them(capsys: pytest.CaptureFixture[str]):
    assert command.run({"good": good, "alone": without_peer}) == 0
    said = capsys.readouterr()
    assert [json.loads(line)["name"] for line in said.out.splitlines()] == ["good", "alone"]
    assert "offline" in said.err


def test_a_failure_is_told_and_the_others_are_measured_still(capsys: pytest.CaptureFixture[str]):
    assert command.run({"wrong": wrong, "good": good}) == 1
    said = capsys.readouterr()
    assert [json.loads(line)["name"] for line in said.out.splitlines()] == ["good"]
    assert "DifferentAnswersError: a answers 1; b answers 2" in said.err


def test_an_unknown_name_measures_nothing(capsys: pytest.CaptureFixture[str]):
    assert command.main(["nobody"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "roster_submission_2000" in said.err


def test_two_at_once_would_measure_each_other(tmp_path: Path):
    with only_one(tmp_path / "bench"), pytest.raises(BusyError), only_one(tmp_path / "bench"):
        pass
    with only_one(tmp_path / "bench"):
        pass


def test_each_benchmark_starts_from_an_empty_folder(tmp_path: Path):
    place = Place("x", tmp_path)
    (place.fresh() / "left").write_text("of an earlier run")
    assert not (place.fresh() / "left").exists()
    assert place.peers == tmp_path / "peers"
