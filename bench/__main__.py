"""The command: `python -m bench [NAME]`, a group or one benchmark, all without a name.

One JSON object a line on stdout, progress on stderr. 0 when all was measured or skipped for want of a peer; 1 when
anything failed or the sides did not answer the same; 130 after Ctrl-C. A target that was missed is a result.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType

from bench import (
    billing,
    gateway_warm,
    idle_memory,
    reconcile,
    roster_decide_2000,
    roster_export,
    roster_requests,
    roster_search,
    roster_submission_2000,
    roster_submission_2000_faulty,
    suite_start,
)
from bench.place import BusyError, Place, only_one
from bench.results import Row
from bench.rounds import DifferentAnswersError
from bench.servers import NotStartedError
from local.errors import StartError

Benchmark = Callable[[Place], Iterator[Row]]

GROUPS: Mapping[str, Mapping[str, Benchmark]] = {
    "suite": {"suite_start": suite_start.measure, "idle_memory": idle_memory.measure},
    "roster": {
        "roster_submission_2000": roster_submission_2000.measure,
        "roster_submission_2000_faulty": roster_submission_2000_faulty.measure,
        "roster_page_50": roster_requests.page,
        "roster_entry_read": roster_requests.entry,
        "roster_review_one": roster_requests.review,
        "roster_decide_2000": roster_decide_2000.measure,
        "roster_export_100k": roster_export.measure,
        "roster_export_memory": roster_export.grown,
        "roster_search_1m": roster_search.measure,
    },
    "fee": {
        "billing_60k": billing.measure,
        "billing_growth": billing.growth,
        "billing_rerun": billing.rerun,
        "reconcile_100k": reconcile.hundred_thousand,
        "reconcile_1m": reconcile.million,
    },
    "gateway": {"gateway_warm": gateway_warm.measure},
}


def chosen(name: str, groups: Mapping[str, Mapping[str, Benchmark]] = GROUPS) -> dict[str, Benchmark] | None:
    """The benchmarks of a group, the one of that name, or all for the empty name; None for a name nobody has."""
    every = {title: benchmark for group in groups.values() for title, benchmark in group.items()}
    if not name:
        return every
    if name in groups:
        return dict(groups[name])
    return {name: every[name]} if name in every else None


def run(benchmarks: Mapping[str, Benchmark]) -> int:
    """Measure, print each row as it is known; how many benchmarks failed."""
    failed = 0
    for name, benchmark in benchmarks.items():
        place = Place(name)
        load, began = os.getloadavg()[0], time.monotonic()
        place.tell(f"開始  begins (load {load:.2f})")
        if load > 0.5 * (os.cpu_count() or 1):
            place.tell("本機另有負載，數值僅供參考  the machine is busy: take the figures with care")
        try:
            for row in benchmark(place):
                print(row.line(), flush=True)
                if row.skipped is not None:
                    place.tell(f"略過比較對象 {row.peer_name}  peer skipped: {row.skipped}")
        except (DifferentAnswersError, NotStartedError, StartError, OSError) as error:
            failed += 1
            place.tell(f"失敗  failed: {type(error).__name__}: {error}")
        place.tell(f"結束  ended after {time.monotonic() - began:.0f} s")
    return failed


def main(arguments: Sequence[str]) -> int:
    """The exit code; see above."""
    name = arguments[0] if arguments else ""
    benchmarks = chosen(name)
    if benchmarks is None:
        known = [*GROUPS, *(title for group in GROUPS.values() for title in group)]
        print(f"沒有這項量測  there is no benchmark {name!r}. NAME: {' '.join(known)}", file=sys.stderr)
        return 2
    # As after Ctrl-C: everything that was started is stopped in order.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with only_one():
            return 1 if run(benchmarks) else 0
    except BusyError as error:
        print(f"另一項量測進行中  {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("已中止  interrupted", file=sys.stderr)
        return 130


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
