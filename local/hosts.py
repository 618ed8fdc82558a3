"""`make check`: no file of the repository names a package registry's host.

Pins and locks carry hashes, and the machine's own configuration says where packages come from; an address written
down here would overrule it on somebody's network.
"""

import subprocess
import sys
from pathlib import Path

# Joined here, so that this file does not name them either.
HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("proxy", "golang", "org"),
    )
)


def named(folder: Path) -> list[str]:
    """`path:line` of every mention in the files that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=folder,
        capture_output=True,
        check=True,
    )
    found = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = folder / name
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").lower().splitlines(), 1):
            found += [f"{name}:{number}: {host}" for host in HOSTS if host in line]
    return found


def main() -> int:
    """0 when no file names one."""
    found = named(Path(__file__).resolve().parent.parent)
    for mention in found:
        print(f"套件庫網址不得寫入檔案  a registry's host in a file: {mention}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
