"""Every file of the hostile corpus, posted to the real service: answered in words, quickly and in little memory."""

import json
import resource
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from roster.intake.reading import MEDIA_TYPES
from roster.intake.sheets import package, reader
from roster.intake.sheets.book import XLSX
from tests.roster.intake_corpus.files import national_id, student
from tests.roster.intake_corpus.hostile import HOSTILE, Hostile
from tests.roster.intake_corpus.hostile_archives import SHEET, with_part
from tests.roster.intake_corpus.hostile_sheets import HOSTILE_SHEETS
from tests.roster.intake_corpus.hostile_texts import HOSTILE_TEXTS
from tests.roster.test_submissions import counts, post
from tests.support import rosters
from tests.support.rosters import County
from tests.support.services import running

pytestmark = [pytest.mark.rule("RO-06", "RO-07"), pytest.mark.xdist_group("hostile-files")]

CORPUS = (*HOSTILE, *HOSTILE_TEXTS, *HOSTILE_SHEETS)
STATUS = {"syntax": 400, "size": 413, "type": 415, "content": 422}
MB = 1024 * 1024
MOST_MEMORY, MOST_SECONDS = 600 * MB, 15
LINUX = sys.platform == "linux"


class Meter:
    """What this process and its children took since `begin`: seconds of CPU; bytes at most, of the largest child ever.

    CPU, because a machine has other things to do; without those it is what the clock shows.
    """

    def begin(self) -> None:
        self._began = self._cpu()
        if LINUX:
            Path("/proc/self/clear_refs").write_text("5")
            self._before = self._status("VmRSS")

    def seconds(self) -> float:
        return self._cpu() - self._began

    @staticmethod
    def _cpu() -> float:
        used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(one.ru_utime + one.ru_stime for one in used)

    def taken(self) -> int:
        child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1024 if LINUX else 1)
        return child + (self._status("VmHWM") - self._before if LINUX else 0)

    @staticmethod
    def _status(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


@pytest.fixture(scope="module")
async def school(template, with_schools, tmp_path_factory) -> AsyncIterator[County]:
    """A county in which a few of the files are taken; nobody looks at what they make."""
    async with template("roster").copy(with_schools) as urls:
        with pytest.MonkeyPatch.context() as patch:
            rosters.set_today(patch, tmp_path_factory.mktemp("clock"))
            async with running("roster", urls) as service:
                yield County(service)


@pytest.fixture(scope="module")
def measured() -> Iterator[list[tuple[float, int, str]]]:
    """Seconds and bytes of each file; the worst are printed in the end."""
    found: list[tuple[float, int, str]] = []
    yield found
    by_memory = sorted(found, key=lambda one: one[1])
    for worst in (sorted(found)[-4:], by_memory[-4:]):
        print([f"{name}: {seconds:.1f} s, {taken // MB} MB" for seconds, taken, name in worst])


def test_the_corpus_is_as_large_as_promised():
    assert len(CORPUS) >= 60
    assert len({case.name for case in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
async def test_a_hostile_file_gets_its_answer(school: County, measured, case: Hostile):
    body = case.build()
    meter = Meter()
    meter.begin()
    media = case.media if case.charset is None else f"{case.media}; charset={case.charset}"
    answer = await post(school, body, Content_Type=media)
    seconds, taken = meter.seconds(), meter.taken()
    measured.append((seconds, taken, case.name))

    # Several that are taken say the same: whichever comes later is the one before.
    assert answer.status_code in ((200, 201) if case.kind == "taken" else (STATUS[case.kind],)), answer.text[:1_000]
    assert seconds < MOST_SECONDS
    assert taken < MOST_MEMORY
    assert len(answer.content) < MB
    assert national_id(1) not in answer.text
    if case.kind == "taken":
        return
    problem = json.loads(answer.content)
    if case.media not in MEDIA_TYPES and body:
        assert problem["code"] == "unsupported_media_type"
    elif case.code not in ("faulty_cells", "broken_lines"):
        assert case.code in {fault["code"] for fault in problem["errors"]} | {problem["code"]}
    assert all(fault["message"] and fault["message_en"] for fault in problem["errors"])


async def test_a_refused_file_leaves_nothing(school: County):
    before = await counts(school)
    for case in HOSTILE_SHEETS[:3]:
        await post(school, case.build(), Content_Type=case.media)
    assert await counts(school) == before


# The controls: what the bounds are for happens without them.


async def test_control_without_the_archive_check_a_bomb_is_unpacked(school: County, monkeypatch):
    """60 MB of blanks in a sheet are read to their end; with the check, nobody begins."""
    bomb = with_part(SHEET, with_sheet_of_blanks())
    assert len(bomb) < MB
    with_check = await post(school, bomb, Content_Type=XLSX)
    assert (with_check.status_code, with_check.json()["errors"][0]["code"]) == (413, "sheet_bomb")
    monkeypatch.setattr(package, "look_at", lambda *_: None)
    without = await post(school, bomb, Content_Type=XLSX)
    assert without.status_code in (200, 201), without.text


def with_sheet_of_blanks() -> str:
    from tests.roster.intake_corpus.hostile_archives import parts

    return parts()[SHEET].replace("<sheetData>", " " * (60 * MB) + "<sheetData>")


@pytest.mark.skipif(not LINUX, reason="the kernel keeps this limit on Linux only")
async def test_control_the_limits_of_the_child_are_what_stops_a_workbook(school: County, monkeypatch):
    large, long = "a million elements open", "1,048,576 blank rows"
    for name, value, hostile in (("MEMORY", 56 * MB, large), ("SECONDS", 1, long)):
        body = next(case for case in HOSTILE_SHEETS if case.name == hostile).build()
        with monkeypatch.context() as patch:
            patch.setattr(reader, name, value)
            answer = await post(school, body, Content_Type=XLSX)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (413, "too_large_to_read"), name


async def test_a_machine_without_time_does_not_call_a_file_too_large(school: County, monkeypatch):
    monkeypatch.setattr(reader, "WAIT", 0)
    answer = await post(school, with_part("xl/media/photo.png", bytes(100)), Content_Type=XLSX)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_student_beside_them_is_taken(school: County):
    answer = await post(school, with_part("xl/media/photo.png", b"\x89PNG" + bytes(100)), Content_Type=XLSX)
    assert answer.status_code in (200, 201)
    assert answer.json()["row_count"] == len([student(1)])
