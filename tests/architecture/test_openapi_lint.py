"""The linter that `make check` runs over the OpenAPI documents finds what is wrong with one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import openapi_lint
from tests.support.openapi_doc import FOLDER

pytestmark = pytest.mark.xdist_group("documents")

Document = dict[str, Any]
DECIDE = "/roster/v1/batches/{batch_id}/decide"


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    openapi_lint.install()


def _without_bound(document: Document) -> None:
    del document["components"]["schemas"]["Problem"]["properties"]["code"]["maxLength"]


def _without_security(document: Document) -> None:
    document["paths"][DECIDE]["post"]["security"] = []


def _without_failures(document: Document) -> None:
    del document["paths"][DECIDE]["post"]["responses"]["429"]


def _without_name(document: Document) -> None:
    del document["paths"][DECIDE]["post"]["operationId"]


def _dangling(document: Document) -> None:
    document["paths"][DECIDE]["post"]["responses"]["404"] = {"$ref": "#/components/responses/gone"}


def _password_in_the_address(document: Document) -> None:
    secret = {"name": "password", "in": "query", "schema": {"type": "string", "maxLength": 9}}
    document["paths"][DECIDE]["post"]["parameters"].append(secret)


def _nothing(document: Document) -> None:
    """The control of the controls."""


FAULTS: list[tuple[Callable[[Document], None], str]] = [
    (_without_bound, "owasp:api4:2023-string-limit"),
    (_without_security, "owasp:api2:2023-write-restricted"),
    (_without_failures, "owasp:api4:2023-rate-limit-responses-429"),
    (_without_name, "operation-operationId"),
    (_dangling, "invalid-ref"),
    (_password_in_the_address, "owasp:api2:2023-no-credentials-in-url"),
]


def test_planted_faults_are_found_and_a_sound_document_passes(tmp_path: Path) -> None:
    """One run of the linter for all, since its start takes longest; each document is one operation of the real one."""
    roster = json.loads((FOLDER / "roster.json").read_text(encoding="utf-8"))
    roster["paths"] = {DECIDE: roster["paths"][DECIDE]}
    # What only the other operations refer to is not asked about.
    rules = openapi_lint.RULES.read_text(encoding="utf-8").replace("rules:", "rules:\n  oas3-unused-component: off", 1)
    (tmp_path / ".spectral.yaml").write_text(rules, encoding="utf-8")
    for fault, _ in [*FAULTS, (_nothing, "")]:
        broken = json.loads(json.dumps(roster))
        fault(broken)
        (tmp_path / f"{fault.__name__}.json").write_text(json.dumps(broken), encoding="utf-8")
    found = openapi_lint.lint(sorted(tmp_path.glob("*.json")), tmp_path / ".spectral.yaml")
    for fault, rule in FAULTS:
        assert any(f"/{fault.__name__}.json:" in line and f" {rule} " in line for line in found), (rule, found[-20:])
    assert [line for line in found if "/_nothing.json:" in line] == []
