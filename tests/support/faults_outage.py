"""What callers see while something is away: visitors who ask once each time, and what was wrong with the answers."""

import asyncio
import contextlib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.demo.files import api_csv, table
from local.demo.people import Maker
from local.stack import Stack
from tests.support.smoke import CSV, TAIPEI, Load
from tests.support.starvation import Starvation
from tests.support.suite import Caller

AT_MOST = 2.0  # seconds until anybody is told to come back
AFTER_ITS_RETURN = 5.0  # seconds until the first success of each kind
VISITORS = 5
_PAUSE = 0.12
# Whoever is kept from running for half of a pulse's patience looks like one that hangs (ADR 0025); so long before.
WEAK, LATELY = 0.65, 3.0

Lost = Callable[[str, float, float], float]


def nothing_lost(_service: str, _since: float, _until: float) -> float:
    """There was a processor for everybody."""
    return 0.0


@dataclass(frozen=True)
class Answer:
    """One request and how it ended; `service` is who would have answered."""

    what: str
    service: str
    began: float
    ended: float
    status: int
    retry_after: str | None

    @property
    def took(self) -> float:
        return self.ended - self.began

    @property
    def is_refusal(self) -> bool:
        """Whether the caller is told to come back."""
        return self.status == 503 and bool(self.retry_after)


@dataclass
class Outage:
    """When it was away: `going` when it began to go, `returning` when it began to come back, `ended` when it was there.

    `services` are those that cannot answer without it.
    """

    services: frozenset[str]
    began: float = 0.0
    returning: float = 0.0
    ended: float = 0.0
    going: float = 0.0


def breaches(answers: Iterable[Answer], outage: Outage, lost: Lost = nothing_lost) -> Iterator[str]:
    """Everything that was not as promised: 503 with `Retry-After` only, each within two seconds, success soon after.

    Counted are requests that were sent while it was away; one that ended as it came back may have succeeded. So may one
    that was on its way when it went; whoever waits for that is told within two seconds as well. Services that can do
    without it go on. `lost` tells for how long those concerned had no processor; so much longer it may take.
    """
    answers = list(answers)
    for answer in (a for a in answers if a.began < outage.began and outage.going <= a.ended):
        took = answer.ended - outage.began
        told = f"{answer.what} {answer.status}, on its way when it went, told {took:.2f} s later"
        if took > AT_MOST + lost(answer.service, outage.began, answer.ended):
            yield f"late: {told}"
        if answer.status not in (200, 201) and not answer.is_refusal:
            yield f"not told to come back: {told}"
    sent = [a for a in answers if outage.began <= a.began < outage.returning]
    excused: Counter[str] = Counter()
    for answer in sent:
        told = f"{answer.what} {answer.status} after {answer.took:.2f} s, {answer.began - outage.began:.2f} s into it"
        if answer.took > AT_MOST + lost(answer.service, answer.began, answer.ended):
            yield f"late: {told}"
        if answer.service in outage.services:
            if not answer.is_refusal and (answer.ended < outage.returning or answer.status not in (200, 201)):
                yield f"not told to come back: {told}, Retry-After {answer.retry_after}"
        elif answer.status not in (200, 201):
            weak = lost(answer.service, answer.began - LATELY, answer.ended) >= WEAK
            if weak and answer.is_refusal:
                excused[answer.service] += 1
            else:
                yield f"drawn into it: {told}"
    for service, count in excused.items():
        if count > sum(answer.service == service for answer in sent) / 4:
            yield f"drawn into it: {service} for most of the time, which no machine is too slow for"
    for what, service in {(answer.what, answer.service) for answer in answers}:
        if not any(answer.what == what for answer in sent):
            yield f"nobody asked: {what}"
        good = [a.ended for a in answers if a.what == what and a.ended >= outage.ended and a.status in (200, 201)]
        if not good or min(good) - outage.ended > AFTER_ITS_RETURN + lost(service, outage.ended, min(good)):
            yield f"no success soon after its return: {what}"


@dataclass
class Visitors:
    """Callers of several services, each asking again and again, never the same request twice; on a thread of theirs."""

    suite: Stack
    seed: str
    answers: list[Answer] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    starvation: Starvation = field(init=False)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _failed: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.starvation = Starvation(self.suite)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """They come and go meanwhile."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()
        if self._failed:
            raise self._failed[0]

    def successes(self, since: float) -> Counter[str]:
        """How often what succeeded since then."""
        return Counter(a.what for a in tuple(self.answers) if a.ended > since and a.status in (200, 201))

    def wait_for_success(self, patience: float = 60) -> None:
        """Until everybody has had some success from now on."""
        since = time.monotonic()
        while len(self.successes(since)) < VISITORS:
            assert time.monotonic() - since < patience, self.successes(since)
            assert not self._failed, self._failed
            time.sleep(0.05)

    def _run(self) -> None:
        try:
            asyncio.run(self._visit())
        except BaseException as error:
            self._failed.append(error)

    async def _visit(self) -> None:
        load = Load(self.suite, self.seed)
        await load.prepare()
        make = Maker(f"{self.seed} visitors", load.days)
        account = self.suite.accounts["county_newtaipei_officer"]
        login = {"username": account["username"], "password": account["password"]}
        path = f"/roster/v1/submissions?kind=application&{load.days.term.query}"

        def post() -> dict[str, Any]:
            return {
                "content": api_csv(table([make.man(TAIPEI)])),
                "headers": CSV | {"Idempotency-Key": uuid.uuid4().hex},
            }

        people = load.people
        async with self.starvation.noted():
            await asyncio.gather(
                self._again(people["sis_ntu"], "roster", "POST", path, post),
                self._again(people["county_taipei_officer"], "roster", "GET", "/roster/v1/rosters", dict),
                self._again(people["admin"], "identity", "GET", "/identity/v1/me", dict),
                self._again(people["admin"], "identity", "POST", "/identity/v1/sessions", lambda: {"json": login}),
                self._again(people["admin"], "notify", "GET", "/notify/v1/messages", dict),
            )
        await load.close()

    async def _again(
        self, who: Caller, service: str, method: str, path: str, make: Callable[[], dict[str, Any]]
    ) -> None:
        what = f"{method} {path.partition('?')[0]}"
        while not self._stop.is_set():
            how = make()
            began = time.monotonic()
            try:
                answer = await who.send(method, path, **how)
            except httpx.TransportError:
                self.answers.append(Answer(what, service, began, time.monotonic(), 0, None))
                continue
            ended = time.monotonic()
            self.answers.append(
                Answer(what, service, began, ended, answer.status_code, answer.headers.get("Retry-After"))
            )
            if method == "POST" and answer.status_code == 201 and service == "roster":
                self.acknowledged.append(answer.json()["id"])
            await asyncio.sleep(_PAUSE)


def told(answers: Iterable[Answer], outage: Outage, lost: Lost = nothing_lost) -> str:
    """One line for whoever reads the test's output."""
    sent = [a for a in answers if outage.began <= a.began < outage.returning]
    waiting = [a for a in answers if a.began < outage.began <= a.ended]
    longest = max((a.took for a in sent), default=0.0)
    good = [a.ended - outage.ended for a in answers if a.ended >= outage.ended and a.status in (200, 201)]
    starved = {s: round(lost(s, outage.began, outage.ended), 2) for s in {a.service for a in answers}}
    at_its_going = [(a.what, a.status, round(a.took, 2)) for a in waiting]
    return (
        f"{outage.returning - outage.began:.1f} s away, {outage.ended - outage.returning:.1f} s to return,"
        f" {dict(Counter(a.status for a in sent))}, longest {longest:.2f} s,"
        f" first success after {min(good, default=-1):.2f} s; at its going {at_its_going},"
        f" without a processor {starved}"
    )
