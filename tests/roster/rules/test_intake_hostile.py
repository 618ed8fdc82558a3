"""Hostile files: each earns its own refusal, quickly, and nothing else (issue "What bad input gets")."""

import time

import msgspec
import pytest

from roster.intake.faults import IntakeRejected
from roster.intake.reading import read_submission
from roster.intake.rules import Reporter, RosterKind
from tests.roster.intake_corpus.files import TODAY, student, to_csv
from tests.roster.intake_corpus.hostile import HOSTILE, Hostile


@pytest.mark.rule("RO-06", "RO-07")
@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case.name)
def test_a_hostile_file_is_refused_in_words(case: Hostile) -> None:
    data = case.build()
    started = time.process_time()
    with pytest.raises(IntakeRejected) as caught:
        read_submission(data, case.media, case.charset, RosterKind.APPLICATION, Reporter.SCHOOL, TODAY)
    assert time.process_time() - started < 5
    error = caught.value
    assert (error.kind, error.code) == (case.kind, case.code)
    assert error.total >= len(error.faults) >= 1
    for fault in error.faults:
        assert fault.message
        assert fault.message_en
    assert len(msgspec.json.encode(error.faults)) < 1_000_000


@pytest.mark.rule("RO-06")
def test_every_prefix_and_many_mutations_of_a_file_are_answered() -> None:
    """Cutting or damaging a sound file anywhere gives a submission or a refusal, never another exception."""
    sound = to_csv([student(1, remarks='a "quoted", cell')]).encode()
    files = [sound[:length] for length in range(len(sound))]
    files += [sound[:at] + bytes([byte]) + sound[at + 1 :] for at in range(0, len(sound), 3) for byte in (0, 34, 255)]
    for data in files:
        try:
            read_submission(data, "text/csv", None, RosterKind.APPLICATION, Reporter.SCHOOL, TODAY)
        except IntakeRejected as error:
            msgspec.json.encode(error.faults)
