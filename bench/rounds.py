"""Interleaved rounds: every side answers the same, then all are measured in turn, the order turned each round.

Whatever drifts meanwhile (the machine's clock, a neighbour, growing tables) falls on all sides of a round alike, so
a figure is compared with the other side's of the same round only: the result is the median of the paired ratios.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

ROUNDS = 5
ROUNDS_OF_LONG = 3
LONG = 10.0  # seconds of one slice

Tell = Callable[[str], None]


class DifferentAnswersError(Exception):
    """The sides do not do the same work, so their times must not be compared."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One measurement of one side: `figure` in the benchmark's unit, the `seconds` it was timed for, and notes."""

    figure: float
    seconds: float
    notes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Side:
    """One of those who compete.

    `answer` does the work once and says what came of it, in a form that all sides share; `measure` is one slice,
    told which round it is (0: the warm-up, whose figures are dropped).
    """

    name: str
    answer: Callable[[], object]
    measure: Callable[[int], Slice]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of the rounds in their order, at least one."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def lowest(self) -> float:
        return min(self.values)

    @property
    def highest(self) -> float:
        return max(self.values)


@dataclass(frozen=True, slots=True)
class Contest:
    """What was measured: by side, a slice a round."""

    slices: Mapping[str, tuple[Slice, ...]]

    @property
    def rounds(self) -> int:
        return min(len(taken) for taken in self.slices.values())

    def figures(self, side: str) -> Figures:
        """The side's figures, round by round."""
        return Figures(tuple(taken.figure for taken in self.slices[side]))

    def ratios(self, ours: str, peer: str) -> Figures:
        """`ours` ÷ `peer`, each of the same round."""
        pairs = zip(self.figures(ours).values, self.figures(peer).values, strict=True)
        return Figures(tuple(one / other for one, other in pairs))

    def notes(self, side: str) -> dict[str, float]:
        """The median of each note that the side's slices carry."""
        taken = self.slices[side]
        return {name: statistics.median(one.notes[name] for one in taken) for name in taken[0].notes}


def order(sides: Sequence[Side], number: int) -> Sequence[Side]:
    """Who comes when in a round: A B, B A, A B, …"""
    return sides if number % 2 else tuple(reversed(sides))


def contest(sides: Sequence[Side], tell: Tell, rounds: int = ROUNDS) -> Contest:
    """Compare the answers, warm up, and measure `rounds` rounds, or three when a slice takes over ten seconds.

    Raises DifferentAnswersError before anything is timed.
    """
    compare(sides)
    tell("answers compared" if len(sides) > 1 else "answer checked")
    warm = [side.measure(0) for side in sides]
    if max(taken.seconds for taken in warm) > LONG:
        rounds = ROUNDS_OF_LONG
    slices: dict[str, list[Slice]] = {side.name: [] for side in sides}
    for number in range(1, rounds + 1):
        for side in order(sides, number):
            slices[side.name].append(side.measure(number))
        figures = "  ".join(f"{name} {taken[-1].figure:.4g}" for name, taken in slices.items())
        tell(f"round {number}/{rounds}  {figures}")
    return Contest({name: tuple(taken) for name, taken in slices.items()})


def compare(sides: Sequence[Side]) -> None:
    """Have every side answer; raises DifferentAnswersError that names those that differ from the first."""
    answers = [(side.name, side.answer()) for side in sides]
    first, expected = answers[0]
    for name, answer in answers[1:]:
        if answer != expected:
            raise DifferentAnswersError(f"{name} answers {_cut(answer)}; {first} answers {_cut(expected)}")


def _cut(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= 400 else f"{text[:400]}…"


class Stopwatch:
    """`with timed() as watch: …`, then `watch.seconds`."""

    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Time a block, with this process's garbage collected before it and not during it."""
    watch = Stopwatch()
    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        yield watch
        watch.seconds = time.perf_counter() - began
    finally:
        gc.enable()
