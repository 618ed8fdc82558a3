"""The kept OpenAPI documents are compared with what the services offer, and a planted change is seen."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.support import openapi_doc

pytestmark = pytest.mark.xdist_group("documents")


@pytest.fixture(scope="module")
def offered() -> dict[str, dict[str, Any]]:
    return openapi_doc.documents()


def test_the_snapshots_are_what_is_offered(offered: dict[str, dict[str, Any]]) -> None:
    assert list(openapi_doc.differences(openapi_doc.FOLDER, offered)) == [], f"run {openapi_doc.COMMAND}"


def test_control_a_changed_bound_a_lost_route_and_a_lost_document_are_seen(
    offered: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    for name, content in offered.items():
        (tmp_path / f"{name}.json").write_text(openapi_doc.render(content), encoding="utf-8")
    assert list(openapi_doc.differences(tmp_path, offered)) == []

    changed = copy.deepcopy(offered)
    changed["roster"]["components"]["schemas"]["ResultSearch"]["properties"]["limit"]["maximum"] = 201
    del changed["gateway"]["paths"]["/roster/v1/batches/{batch_id}/decide"]
    del changed["notify"]
    told = list(openapi_doc.differences(tmp_path, changed))
    assert any(line.startswith("+") and '"maximum": 201' in line for line in told)
    assert any(line.startswith("-") and "/roster/v1/batches/{batch_id}/decide" in line for line in told)
    assert "--- kept/notify.json" in told
