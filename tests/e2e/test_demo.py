"""`make demo` for real: told on a running suite, told again, and told wrongly."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.children import alive
from local.demo.checks import TOLD
from local.demo.client import World
from local.demo.command import main, school_list
from local.demo.fee.told import TOLD as FEE_TOLD
from local.layout import REPO
from local.stack import Stack

pytestmark = [pytest.mark.xdist_group("suite"), pytest.mark.timeout(300)]

# Nothing of the caller's environment may lead the suite to another server, or the story to another seed.
APART = {"DATABASE_URL": "", "MUSTER_FIELD_KEYS": "", "MUSTER_DB_PREFIX": "", "PORT": "", "SEED": ""}
FIRST, SECOND = ("--part", "roster"), ("--part", "fee")
TEN_SCHOOLS = REPO / "local" / "data" / "schools.csv"


def test_told_on_a_running_suite_and_once_more(suite, capsys, monkeypatch, tmp_path):
    pids = suite.pids
    assert main([*FIRST, "--root", str(suite.root), "--seed", "first"]) == 0
    first = capsys.readouterr().out
    assert "一切如所述" in first
    assert "SEED=first" in first
    # The same seed makes other men on a suite that knows the first. Without the Ministry's file the ten schools of the
    # repository take its place, in the same format.
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    assert main([*FIRST, "--root", str(suite.root), "--seed", "first"]) == 0
    assert "10 (schools.csv)" in capsys.readouterr().out
    assert suite.pids == pids, "a running suite is used, not restarted"
    assert not (suite.root / "clock").exists(), "and its clock is not moved"


@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ({"hsinchu": 11}, "headcounts by county"),
        ({"clean": 116}, "clean entries approved in one call"),
    ],
)
def test_a_planted_wrong_value_is_found(suite, capsys, planted, named):
    seed = "-".join(planted)
    assert main([*FIRST, "--root", str(suite.root), "--seed", seed], told=replace(TOLD, **planted)) == 1
    wrong = capsys.readouterr().err
    assert "NOT AS TOLD" in wrong
    assert named in wrong
    assert "一切如所述" not in wrong


def test_a_wrong_mail_is_found(suite, capsys, monkeypatch):
    read = World.mail

    async def misprinted(world: World, name: str, about: str) -> list[dict[str, Any]]:
        messages = await read(world, name, about)
        return [message | {"text": message["text"].replace("人數：118", "人數：117")} for message in messages]

    monkeypatch.setattr(World, "mail", misprinted)
    assert main([*FIRST, "--root", str(suite.root), "--seed", "mail"]) == 1
    assert "missing: 陳核人數：118 人" in capsys.readouterr().err


def test_the_second_part_is_told_beside_a_running_suite(suite, capsys):
    """On a suite and a clock of its own, which are gone afterwards."""
    pids, folder = suite.pids, suite.root / "demo-fee"
    try:
        assert main([*SECOND, "--root", str(suite.root), "--seed", "fee"]) == 0
        said = capsys.readouterr().out
        for part in ("NT$33,110", "NT$63,210", "NT$2,135,400", "二、9月15日", "七、報表與總帳", "一切如所述"):
            assert part in said
        assert (folder / "clock").exists(), "its clock was moved"
        assert Stack(folder).run == {}, "and it has ended"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert suite.pids == pids, "the running suite was left alone"
    assert not (suite.root / "clock").exists(), "and its clock too"


def test_a_wrong_number_of_the_second_part_is_found(tmp_path, capsys):
    """The manual's 33,110 told as 33,111: the notice says otherwise."""
    wrong = replace(FEE_TOLD, october_c=33_111)
    assert main([*SECOND, "--root", str(tmp_path), "--seed", "fee"], fee_told=wrong) == 1
    told = capsys.readouterr()
    assert "October's preview" in told.err
    assert "2905710" in told.err
    assert "2905711" in told.err
    assert "一切如所述" not in told.out
    assert Stack(tmp_path / "demo-fee").run == {}


def test_a_suite_of_its_own_is_stopped_when_a_value_is_wrong(tmp_path):
    """The whole command in a process of its own: the Ministry's list says another name than the one told."""
    data = tmp_path / "data"
    data.mkdir()
    listed = TEN_SCHOOLS.read_text(encoding="utf-8").replace("國立臺灣大學", "私立臺灣大學")
    (data / "moe_universities_u1_new.csv").write_text(listed, encoding="utf-8")
    root = tmp_path / ".local"
    done = subprocess.run(
        [sys.executable, "-m", "local.demo", "--root", str(root)],
        env=os.environ | APART | {"MUSTER_DATA_DIR": str(data)},
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 1
    assert "沒有執行中的系統" in done.stdout
    assert "NOT AS TOLD" in done.stderr
    assert "私立臺灣大學" in done.stderr
    own = Stack(root / "demo")
    assert own.run == {}
    assert "已全部停止" in own.said()
    supervisors = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _mentions(pid, str(root))]
    assert not [pid for pid in supervisors if alive(pid)]


def _mentions(pid: int, text: str) -> bool:
    try:
        return text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_the_real_list_is_taken_where_it_is(monkeypatch, tmp_path):
    shutil.copy(TEN_SCHOOLS, tmp_path / "moe_universities_u1_new.csv")
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    assert school_list() == tmp_path / "moe_universities_u1_new.csv"
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path / "nowhere"))
    assert school_list() == TEN_SCHOOLS


def test_the_ten_schools_are_lines_of_the_real_list():
    real = REPO.parent / "shared" / "data" / "moe_universities_u1_new.csv"
    if not real.is_file():
        pytest.skip("the Ministry's list is not here")
    lines = TEN_SCHOOLS.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 11
    assert set(lines) <= set(real.read_text(encoding="utf-8").splitlines())
