"""What an answer must be: what the document says, and nothing that its operation's table does not name."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemathesis import Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from shared import refusals
from tests.contracts.walls.hostile import PLANTED_ID, PLANTED_NAME
from tests.support.fuzz_cases import Fuzzed, Sent
from tests.support.fuzz_refusals import ALWAYS, BY_SHAPE, FILES, OWN, UNTOLD

CHECKS = (
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
)
# What tells of the inside of a service.
INSIDE = ("Traceback", "asyncpg", "sqlalchemy", "psycopg", 'File "', "site-packages")


def codes_of(document: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """By status, the codes that the document names for an operation."""
    found = {}
    for status, response in operation["responses"].items():
        if status >= "400":
            _, _, name = response.get("$ref", "").rpartition("/")
            found[status] = refusals.codes(document["components"]["responses"][name] if name else response)
    return found


def faults(fuzzed: Fuzzed, sent: Sent, response: Response) -> Iterator[str]:
    """Everything that is wrong with an answer, a line each, beginning with a word for the kind."""
    try:
        sent.case.validate_response(response, checks=list(CHECKS))
    except FailureGroup as group:
        for failure in group.exceptions:
            yield f"{type(failure).__name__}: {failure}"
    yield from _leaks(response, fuzzed.name in FILES)
    if response.status_code >= 400:
        yield from _refusal(fuzzed, sent, response)


def _leaks(response: Response, of_a_file: bool) -> Iterator[str]:
    # A refused cell shows a code as it was found (ADR 0051): a name where a code belongs is not known for one.
    planted = (PLANTED_ID,) if of_a_file else (PLANTED_ID, PLANTED_NAME)
    # A file is looked through as what its bytes say, whatever it is.
    told = response.content.decode("utf-8", "replace") + str(response.headers)
    told += json.dumps(_json(response), ensure_ascii=False)
    if response.status_code >= 400:
        yield from (f"echo: {text} comes back" for text in planted if text in told)
    yield from (f"inside: {text} stands in the answer" for text in INSIDE if text in told)


def _refusal(fuzzed: Fuzzed, sent: Sent, response: Response) -> Iterator[str]:
    problem = _json(response)
    code = problem.get("code") if isinstance(problem, dict) else None
    if code not in fuzzed.codes.get(str(response.status_code), ()):
        yield f"code: {response.status_code} {code} is not in the document"
        return
    mode = sent.case.meta.generation.mode if sent.case.meta else None
    if mode is None or mode.is_negative:
        return
    # A sound request by somebody who may: only what the table names is an answer.
    found = {fault["code"] for fault in problem["errors"]}
    if code == "invalid_content" and found and (fuzzed.name in FILES or found <= UNTOLD.get(fuzzed.name, frozenset())):
        return
    if code not in allowed(fuzzed, sent):
        yield f"refusal: {response.status_code} {code} for a request as the document asks for: {problem['errors'][:3]}"


def allowed(fuzzed: Fuzzed, sent: Sent) -> frozenset[str]:
    """The codes by which a request that is as the document asks may be refused."""
    may = ALWAYS | OWN.get(fuzzed.name, frozenset())
    if fuzzed.row.people and sent.role in fuzzed.world.machines:
        may |= {"forbidden"}
    return may


def untabled(codes: Mapping[str, frozenset[str]], name: str) -> dict[str, list[str]]:
    """The codes in which the document of an operation and its row in the table differ; nothing when they agree."""
    documented = frozenset(code for found in codes.values() for code in found) - BY_SHAPE
    told = {
        "in the document only": sorted(documented - OWN.get(name, frozenset())),
        "in the table only": sorted(OWN.get(name, frozenset()) - documented),
    }
    return {where: which for where, which in told.items() if which}


def _json(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
