"""`docs/events.md` says what the code declares; declarations and publishers agree."""

import re
from pathlib import Path

import pytest

from shared.events import EventType
from tests.support.events_doc import COMMAND, PATH, document, event_types

ROOT = Path(__file__).parents[2]


def test_the_document_is_up_to_date():
    assert PATH.read_text(encoding="utf-8") == document(), f"run {COMMAND}"


@pytest.mark.parametrize("kind", event_types(), ids=lambda kind: kind.name)
def test_a_type_is_declared_by_the_service_it_names(kind):
    assert kind.data.__module__.partition(".")[0].replace("_", "-") == kind.source.removeprefix("/")
    assert kind.to
    assert kind.source.removeprefix("/") not in kind.to
    assert kind.summary.endswith(".")


def test_no_event_type_hides_in_another_module():
    """All declarations stand where the document looks for them."""
    declared = re.compile(r"^[A-Z_]+(?:: [A-Za-z]+)? = EventType\(", re.MULTILINE)
    places = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "services").rglob("*.py")
        if declared.search(path.read_text(encoding="utf-8"))
    }
    assert {Path(place).name for place in places} <= {"event_types.py", "events.py"}
    assert {kind.name for kind in event_types()} <= set(EventType.catalogue)


def test_data_of_events_names_nothing_personal():
    """A draftee's particulars have no place in an event; an official's name and address only in identity's."""
    personal = {"national_id", "name", "birth_date", "student_no", "household", "phone", "contact"}
    for kind in event_types():
        members = set(kind.data.model_fields)
        assert not members & personal, kind.name
        assert kind.source == "/identity" or not members & {"email", "display_name"}, kind.name
