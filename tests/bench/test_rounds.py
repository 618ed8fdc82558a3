"""How figures are made: answers first, rounds turned, pairs compared."""

import gc
import json

import pytest

from bench import results
from bench.rounds import (
    LONG,
    ROUNDS_OF_LONG,
    Contest,
    DifferentAnswersError,
    Figures,
    Side,
    Slice,
    compare,
    contest,
    order,
    timed,
)


def side(name: str, calls: list[str], figures: list[float] | None = None, answer: object = "same", seconds: float = 1):
    def measure(number: int) -> Slice:
        calls.append(f"{name}{number}")
        return Slice(figures[number] if figures else 1.0, seconds, {"cpu": float(number)})

    def say() -> object:
        calls.append(f"{name}?")
        return answer

    return Side(name, say, measure)


def nothing(_text: str) -> None:
    """Progress that nobody reads."""


def test_answers_come_first_then_the_warm_up_then_rounds_turned_about():
    calls: list[str] = []
    contest([side("a", calls), side("b", calls)], nothing, 4)
    assert calls == ["a?", "b?", "a0", "b0", "a1", "b1", "b2", "a2", "a3", "b3", "b4", "a4"]


@pytest.mark.parametrize(("number", "expected"), [(1, "abc"), (2, "cba"), (3, "abc")])
def test_three_sides_turn_about_as_well(number: int, expected: str):
    sides = [side(name, []) for name in "abc"]
    assert "".join(one.name for one in order(sides, number)) == expected


def test_different_answers_are_refused_before_anything_is_timed():
    calls: list[str] = []
    with pytest.raises(DifferentAnswersError, match="b answers 'other'; a answers 'same'"):
        contest([side("a", calls), side("b", calls, answer="other")], nothing)
    assert calls == ["a?", "b?"]


def test_a_long_difference_is_told_shortly():
    with pytest.raises(DifferentAnswersError) as raised:
        compare([side("a", [], answer="x" * 9_000), side("b", [], answer="y" * 9_000)])
    assert len(str(raised.value)) < 1_000


def test_control_the_same_answers_pass():
    compare([side("a", [], answer={"rows": 3}), side("b", [], answer={"rows": 3})])


def test_slices_over_ten_seconds_are_taken_three_times():
    assert contest([side("a", [], seconds=LONG + 1)], nothing, 9).rounds == ROUNDS_OF_LONG
    assert contest([side("a", [], seconds=LONG)], nothing, 9).rounds == 9


def test_the_warm_up_is_dropped():
    measured = contest([side("a", [], figures=[900.0, 1.0, 2.0, 3.0])], nothing, 3)
    assert measured.figures("a").values == (1.0, 2.0, 3.0)
    assert measured.notes("a") == {"cpu": 2.0}


def measured(ours: list[float], peer: list[float]) -> Contest:
    return Contest(
        {name: tuple(Slice(figure, 1.0) for figure in figures) for name, figures in (("ours", ours), ("peer", peer))}
    )


def test_the_ratio_is_the_median_of_the_pairs_not_of_the_sides():
    # A neighbour slowed the second round for both: its pair still tells the truth, the medians apart do not.
    taken = measured([2.0, 40.0, 2.5], [1.0, 20.0, 10.0])
    ratios = taken.ratios("ours", "peer")
    assert ratios.values == (2.0, 2.0, 0.25)
    assert ratios.median == 2.0
    assert taken.figures("ours").median / taken.figures("peer").median == 0.25


def test_the_spread_is_from_the_lowest_to_the_highest():
    figures = Figures((3.0, 1.0, 2.0, 9.0))
    assert (figures.median, figures.lowest, figures.highest) == (2.5, 1.0, 9.0)


def test_the_loads_own_garbage_is_collected_before_and_not_during():
    with timed() as watch:
        assert not gc.isenabled()
    assert gc.isenabled()
    assert watch.seconds > 0


def test_garbage_is_collected_again_after_a_failure():
    with pytest.raises(KeyError), timed():
        raise KeyError
    assert gc.isenabled()


# -- the rows ----------------------------------------------------------------------------------------------------------

FIXED = ["name", "ours", "peer", "peer_name", "ratio", "unit", "better"]


def test_a_row_has_the_form_of_the_contract():
    row = results.against("x", "s", "lower", measured([2.0, 4.0, 3.0], [1.0, 2.0, 1.0]), "peer", target=3.0, rows=7)
    line = row.line()
    assert "\n" not in line
    told = json.loads(line)
    assert list(told)[:7] == FIXED
    assert told == {
        "name": "x", "ours": 3.0, "peer": 1.0, "peer_name": "peer", "ratio": 2.0, "unit": "s", "better": "lower",
        "target": 3.0, "met": True, "rounds": 3, "spread": [2.0, 3.0], "ratios": [2.0, 2.0, 3.0], "rows": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("better", "target", "met"),
    [("lower", 2.0, True), ("lower", 1.9, False), ("higher", 2.0, True), ("higher", 2.1, False)],
)
def test_a_target_is_met_from_the_better_side(better: results.Better, target: float, met: bool):
    row = results.against("x", "s", better, measured([2.0], [1.0]), "peer", target=target)
    assert json.loads(row.line())["met"] is met


def test_a_peer_that_cannot_be_had_is_said_so():
    told = json.loads(results.alone("x", "req/s", "higher", measured([5.0], [1.0]), "Peer", "no npm").line())
    assert list(told)[:8] == [*FIXED, "skipped"]
    assert (told["ours"], told["peer"], told["ratio"], told["skipped"]) == (5.0, None, None, "no npm")


@pytest.mark.parametrize(("ours", "met"), [(11.0, True), (12.0, True), (12.1, False)])
def test_an_absolute_bound_has_the_limit_for_a_peer(ours: float, met: bool):
    told = json.loads(results.within("suite_start", "s", ours, 12.0).line())
    assert (told["peer_name"], told["peer"], told["better"], told["met"]) == ("limit", 12.0, "lower", met)


def test_what_the_contract_fixes_is_not_overwritten():
    with pytest.raises(ValueError, match="extra repeats ratio"):
        results.within("x", "s", 1.0, 2.0, ratio=9).line()


def test_numbers_are_told_to_four_digits():
    told = json.loads(results.within("x", "s", 1 / 3, 12_345.678, list=[2 / 3]).line())
    assert (told["ours"], told["peer"], told["list"]) == (0.3333, 12_345, [0.6667])
