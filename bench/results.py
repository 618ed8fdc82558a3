"""One line of the output: a JSON object whose form `contract.md` fixes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.rounds import Contest

Better = Literal["higher", "lower"]
LIMIT = "limit"
"""The `peer_name` of an absolute bound."""

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `ratio` is ours ÷ peer in `unit`; without a peer's figure `skipped` says why.

    `extra` follows the fixed members; it may repeat none of them.
    """

    name: str
    unit: str
    better: Better
    ours: float | None
    peer_name: str
    peer: float | None = None
    ratio: float | None = None
    skipped: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """The JSON, without a line end."""
        fixed = {
            "name": self.name,
            "ours": _short(self.ours),
            "peer": _short(self.peer),
            "peer_name": self.peer_name,
            "ratio": _short(self.ratio),
            "unit": self.unit,
            "better": self.better,
        }
        if self.skipped is not None:
            fixed["skipped"] = self.skipped
        if repeated := fixed.keys() & self.extra.keys():
            raise ValueError(f"{self.name}: extra repeats {', '.join(sorted(repeated))}")
        return json.dumps(fixed | {name: _shortened(value) for name, value in self.extra.items()}, ensure_ascii=False)


def against(
    name: str, unit: str, better: Better, contest: Contest, peer: str, *, target: float | None = None, **extra: Any
) -> Row:
    """A row of ours against `peer`, both of them sides of the contest: medians, and the median of paired ratios."""
    ratios = contest.ratios("ours", peer)
    ratio = ratios.median
    if target is not None:
        met = ratio <= target if better == "lower" else ratio >= target
        extra = {"target": target, "met": met} | extra
    told = {
        "rounds": contest.rounds,
        "spread": [ratios.lowest, ratios.highest],
        "ratios": list(ratios.values),
        **{f"ours_{note}": value for note, value in contest.notes("ours").items()},
        **{f"peer_{note}": value for note, value in contest.notes(peer).items()},
    }
    ours, theirs = contest.figures("ours").median, contest.figures(peer).median
    return Row(name, unit, better, ours, peer, theirs, ratio, extra=told | extra)


def alone(name: str, unit: str, better: Better, contest: Contest, peer: str, why: str, **extra: Any) -> Row:
    """A row of ours whose peer cannot be had."""
    figures = contest.figures("ours")
    told = {
        "rounds": contest.rounds,
        "ours_spread": [figures.lowest, figures.highest],
        **{f"ours_{note}": value for note, value in contest.notes("ours").items()},
    }
    return Row(name, unit, better, figures.median, peer, skipped=why, extra=told | extra)


def within(name: str, unit: str, ours: float, limit: float, **extra: Any) -> Row:
    """A row of an absolute bound: no more than `limit`."""
    return Row(name, unit, "lower", ours, LIMIT, limit, ours / limit, extra={"met": ours <= limit} | extra)


def _short(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.{_DIGITS}g}") if abs(number) < 10_000 else int(number)


def _shortened(value: Any) -> Any:
    if isinstance(value, float):
        return _short(value)
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return value
