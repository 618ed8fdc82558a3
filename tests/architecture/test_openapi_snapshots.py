"""The kept OpenAPI documents are what the services offer, and what is served is what is kept; faults are seen."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.support import openapi_doc

pytestmark = pytest.mark.xdist_group("documents")


@pytest.fixture(scope="module")
def offered() -> dict[str, dict[str, Any]]:
    return openapi_doc.documents()


def test_the_documents_are_what_is_offered(offered: dict[str, dict[str, Any]]) -> None:
    assert list(openapi_doc.differences(offered)) == [], f"run {openapi_doc.COMMAND}"


def _kept(offered: dict[str, dict[str, Any]], repo: Path) -> None:
    for name in offered:
        openapi_doc.place(name, repo).parent.mkdir(parents=True)
    openapi_doc.write(offered, repo)


def test_control_a_changed_bound_a_lost_route_and_a_lost_document_are_seen(
    offered: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    _kept(offered, tmp_path)
    assert list(openapi_doc.differences(offered, tmp_path)) == []

    changed = copy.deepcopy(offered)
    changed["roster"]["components"]["schemas"]["ResultSearch"]["properties"]["limit"]["maximum"] = 201
    del changed["gateway"]["paths"]["/roster/v1/batches/{batch_id}/decide"]
    del changed["notify"]
    told = list(openapi_doc.differences(changed, tmp_path))
    assert any(line.startswith("+") and '"maximum": 201' in line for line in told)
    assert any(line.startswith("-") and "/roster/v1/batches/{batch_id}/decide" in line for line in told)
    assert "--- kept/notify.json" in told

    openapi_doc.write(changed, tmp_path)
    assert list(openapi_doc.differences(changed, tmp_path)) == []
    assert not openapi_doc.place("notify", tmp_path).exists()


@pytest.mark.parametrize("fault", ["another is served", "none is served", "the link leads nowhere"])
def test_control_what_is_served_is_what_is_looked_at(
    offered: dict[str, dict[str, Any]], tmp_path: Path, fault: str
) -> None:
    _kept(offered, tmp_path)
    served, link = openapi_doc.place("roster", tmp_path), tmp_path / "docs" / "openapi" / "roster.json"
    if fault == "another is served":
        link.unlink()
        link.write_text(served.read_text(encoding="utf-8"), encoding="utf-8")
        served.write_text('{"openapi":"3.1.0","paths":{}}', encoding="utf-8")
    elif fault == "none is served":
        served.unlink()
    else:
        link.unlink()
    assert list(openapi_doc.differences(offered, tmp_path))
