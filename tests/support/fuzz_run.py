"""The examples of one operation, sent and judged; all faults are told together, the first example of each kind."""

import time
import uuid
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.core.result import Ok

from tests.contracts.walls.houses import ROWS
from tests.support.fuzz_cases import Fuzzed, Sent
from tests.support.fuzz_counts import FEW
from tests.support.fuzz_house import House
from tests.support.fuzz_judge import codes_of, faults, untabled
from tests.support.fuzz_refusals import ENDS_SESSIONS

# Days as the document means them: it can tell their range in words only.
schemathesis.openapi.format("date", st.dates(date(1912, 1, 1), date(2910, 12, 31)).map(date.isoformat))


@schemathesis.serializer("application/pdf")
def _as_bytes(_context: Any, value: Any) -> bytes:
    """A file as it stands in the world, or what was made for one."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


# Schemathesis' own list, and what it does not expect: too long a body, address or header.
REFUSING = ["400", "401", "403", "404", "405", "409", "412", "413", "414", "415", "422", "428", "431"]
METHODS = ("get", "post", "put", "patch", "delete")
LONGEST = 20  # seconds


@dataclass
class Report:
    """What became of an operation's examples."""

    name: str
    # Who may ask, by the document; empty: anybody, without a token.
    roles: tuple[str, ...] = ()
    reached: bool = False
    sound: int = 0
    # Examples sent, by what the document calls them: "positive", "negative".
    sent: Counter[str] = field(default_factory=Counter)
    # Requests by role, and how many of all were told "come back" and came.
    asked: Counter[str] = field(default_factory=Counter)
    busy: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)

    def note(self, told: str, case: Case[Any]) -> None:
        """Keep the first example of a kind of fault."""
        kind = told.partition("\n")[0][:160]
        self.faults.setdefault(kind, f"{told}\n    {case.as_curl_command()[:1_500]}")

    @property
    def summary(self) -> str:
        """Statuses and how often; `+` for what the document calls sound, `-` for what it does not."""
        told = ", ".join(f"{status} ×{count}" for status, count in sorted(self.answers.items()))
        return f"{self.name}: {self.sent.total()} examples: {told}; 503 and again ×{self.busy}"

    def __str__(self) -> str:
        return "\n\n".join(self.faults.values())


class Fuzz:
    """Schemathesis on the merged document of a house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.http = requests.Session()
        self.http.trust_env = False
        schema = schemathesis.openapi.from_dict(house.document)
        schema.config.generation.with_security_parameters = False
        # NUL in a text is 400, which no schema can tell; tests/contracts/test_bad_input_bodies.py has it.
        schema.config.generation.allow_x00 = False
        schema.config.checks.negative_data_rejection.expected_statuses = REFUSING
        found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
        self.operations = {operation.definition.raw["operationId"]: operation for operation in found}
        rows = {name: row for rows in ROWS.values() for name, row in rows.items()}
        self.rows = {name: rows[_own(name)] for name in self.operations if _own(name) in rows}
        self.known = self._known()

    def codes(self, name: str) -> dict[str, frozenset[str]]:
        """By status, the codes of the refusals that the document names for an operation."""
        return codes_of(self.house.document, self.operations[name].definition.raw)

    def _other_methods(self, path: str, report: Report) -> None:
        """A method that the path does not have is 405 and told which it has."""
        have = {method.upper() for method in self.house.document["paths"][path] if method in METHODS}
        where = self.house.url + path.replace("{", "").replace("}", "")
        for method in sorted({method.upper() for method in METHODS} - have):
            answer = self.http.request(method, where, headers=self.house.world.a["admin"], timeout=LONGEST)
            allowed = set(answer.headers.get("allow", "").split(", "))
            if (answer.status_code, allowed) != (405, have):
                report.faults[f"method {method}"] = f"method: {method} {path} {answer.status_code} {sorted(allowed)}"

    def run(self, name: str, count: int, seed: int) -> Report:
        """`count` examples of an operation in a fresh world, the first of which must succeed."""
        self.house.restore()
        fuzzed = Fuzzed(self.operations[name], self.rows[name], self.house.world)
        report = Report(name, tuple(fuzzed.roles or ()))
        fuzzed.codes = self.codes(name)
        if told := untabled(fuzzed.codes, name):
            report.faults["table"] = f"table: {told}"
        self._reach(fuzzed, report)
        if name in ENDS_SESSIONS:
            self.house.restore()
        self._other_methods(self.operations[name].path, report)
        half = count // 2
        for mode, examples in ((GenerationMode.POSITIVE, count - half), (GenerationMode.NEGATIVE, half)):
            self._try(fuzzed, mode, examples, zlib.crc32(f"{seed} {name} {mode.value}".encode()), report)
        if name in FEW:
            self._by_all(fuzzed, report)
        return report

    def send(self, fuzzed: Fuzzed, case: Case[Any], role: str | None, report: Report) -> Response:
        """One request by the holder of `role`; without a token when None."""
        token = fuzzed.token(role) if role is not None else {}
        report.asked[role or "nobody"] += 1
        for pause in (0.5, 2.0, 0.0):
            answer = case.call(base_url=self.house.url, session=self.http, headers=token, timeout=LONGEST)
            # A machine that is busy with other things: who is told to come back comes back.
            if answer.status_code != 503 or "retry-after" not in answer.headers:
                break
            report.busy += 1
            time.sleep(pause)
        return answer

    def _known(self) -> dict[str, list[str]]:
        """By the name of a path's parameter, the values that lead to something."""
        found: dict[str, set[str]] = {}
        service = next(iter(set(ROWS) & {self.house.furnished}))
        for row in ROWS[service].values():
            for name, value in self.house.world.path(row).items():
                found.setdefault(name, set()).add(value)
        for name in ("roster", "batch", "entry"):
            if theirs := self.house.world.things.get(f"their_{name}"):
                found.setdefault(f"{name}_id", set()).add(theirs)
        return {name: sorted(values) for name, values in found.items()}

    def _reach(self, fuzzed: Fuzzed, report: Report) -> None:
        sent = Sent(fuzzed.sound(), fuzzed.holder, False)
        if fuzzed.roles is not None:
            answer = self.send(fuzzed, sent.case, None, report)
            if answer.status_code != 401:
                report.note(f"token: {answer.status_code} without one", sent.case)
        answer = self.send(fuzzed, sent.case, sent.role, report)
        report.reached = answer.status_code == fuzzed.row.status
        if not report.reached:
            report.note(f"success: {answer.status_code} {answer.content[:300]!r}", sent.case)
        for told in faults(fuzzed, sent, answer):
            report.note(told, sent.case)

    def _by_all(self, fuzzed: Fuzzed, report: Report) -> None:
        """The sound request by every role: with no input to vary, nobody else has a turn."""
        for role in fuzzed.roles or ():
            sent = Sent(fuzzed.sound(), role, False)
            answer = self._judge(fuzzed, sent, report)
            refused = fuzzed.row.people and role in fuzzed.world.machines
            if answer.status_code != (403 if refused else fuzzed.row.status):
                report.note(f"success: {answer.status_code} for {role}: {answer.content[:300]!r}", sent.case)

    def _try(self, fuzzed: Fuzzed, mode: GenerationMode, count: int, seed: int, report: Report) -> None:
        @hypothesis.seed(seed)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(fuzzed.cases(self.known, mode))
        def each(made: tuple[Case[Any], bool]) -> None:
            # Not drawn: an example that Hypothesis gives up would take somebody's turn with it.
            sent = Sent(made[0], next(fuzzed.turns), made[1])
            meta: Any = sent.case.meta
            report.sent[meta.generation.mode.value] += 1
            answer = self._judge(fuzzed, sent, report)
            if fuzzed.name in ENDS_SESSIONS and answer.status_code < 300:
                self.house.restore()
            version = answer.headers.get("etag")
            if answer.status_code == 412 and version and sent.insist:
                # What somebody does who was told that a thing has changed: look at it and try again.
                sent.case.headers["If-Match"] = version[0]
                if "Idempotency-Key" in sent.case.headers:
                    sent.case.headers["Idempotency-Key"] = uuid.uuid4().hex
                self._judge(fuzzed, sent, report)

        try:
            each()
        except hypothesis.errors.Unsatisfiable:
            # That too few were sent is judged by their number (fuzz_counts.py).
            return

    def _judge(self, fuzzed: Fuzzed, sent: Sent, report: Report) -> Response:
        answer = self.send(fuzzed, sent.case, sent.role, report)
        meta: Any = sent.case.meta
        positive = meta is None or meta.generation.mode.is_positive
        report.answers[f"{'+' if positive else '-'}{answer.status_code}"] += 1
        report.sound += positive and answer.status_code < 300
        for told in faults(fuzzed, sent, answer):
            report.note(f"{told} [{sent.role}]", sent.case)
        return answer


def _own(name: str) -> str:
    """The name without the service's, which the merged document puts before one that two services use."""
    for service in ROWS:
        if name.startswith(f"{service}_"):
            return name.removeprefix(f"{service}_")
    return name
