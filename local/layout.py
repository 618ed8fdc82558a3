"""Where everything of one running suite stands: folders, files and ports (`contract.md`, Local mode)."""

import errno
import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import StartError
from local.postgres import free_port

REPO = Path(__file__).resolve().parent.parent
DEFAULT_PORT = 8080

# The folders of services/ in the order `ls` shows them. A slot belongs to its service for good, so that no
# address changes when a service that does not exist yet joins.
SLOTS = ("callup", "identity", "notify", "rdss-fee", "roster")
OFFSETS = {
    "gateway": 0,
    **{name: 1 + place for place, name in enumerate(SLOTS)},
    "postgres": 20,
    "registry": 21,
    "smtp": 22,
    "mail": 23,
}


@dataclass(frozen=True)
class Layout:
    """The folder of one suite's state (`.local/`) and the ports it listens on."""

    root: Path
    ports: Mapping[str, int]

    @property
    def url(self) -> str:
        """The gateway's address, the one that people use."""
        return self.address("gateway")

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def log(self, name: str) -> Path:
        return self.root / "log" / f"{name}.log"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def accounts_file(self) -> Path:
        return self.root / "accounts.json"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def heads(self) -> Path:
        """Where the workers keep the heads of sealed audit blocks."""
        return self.root / "audit"

    @property
    def clock(self) -> Path:
        return self.root / "clock"


def choose_ports(base: int, names: Mapping[str, int] = OFFSETS) -> dict[str, int]:
    """`base + offset` for every name; with base 0 a free port each."""
    if base:
        return {name: base + offset for name, offset in names.items()}
    ports: dict[str, int] = {}
    while len(ports) < len(names):
        port = free_port()
        if port not in ports.values():
            ports[next(name for name in names if name not in ports)] = port
    return ports


def check_ports(ports: Mapping[str, int], base: int, patience: float = 0.0) -> None:
    """Stop with a clear word when a port is taken, waiting `patience` seconds for a killed run to let go."""
    deadline = time.monotonic() + patience
    while taken := [(name, port) for name, port in ports.items() if not is_free(port)]:
        if time.monotonic() >= deadline:
            name, port = taken[0]
            other = _free_base(base)
            raise StartError(
                f"通訊埠 {port}（{name}）已被其他程式使用。請先結束該程式，或改用其他通訊埠：make run PORT={other}",
                f"Port {port} ({name}) is in use by another program. End it, or choose another port: "
                f"make run PORT={other}",
            )
        time.sleep(0.1)


def is_free(port: int) -> bool:
    """True if a server may listen on that loopback port now."""
    with socket.socket() as probe:
        # As servers do: an address that only lingers in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise StartError(
                    f"沒有權限使用通訊埠 {port}，請改用 1024 以上的通訊埠，例如 make run PORT={DEFAULT_PORT}",
                    f"No permission to listen on port {port}: choose one above 1024, such as PORT={DEFAULT_PORT}",
                ) from None
            return False
    return True


def _free_base(base: int) -> int:
    for candidate in range(base + 1000, 60000, 1000):
        if all(is_free(candidate + offset) for offset in OFFSETS.values()):
            return candidate
    return free_port()


def read_port(text: str) -> int:
    """The `PORT` a person gave; raises `StartError` unless all ports derived from it exist."""
    highest = 65535 - max(OFFSETS.values())
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= highest:
        return int(text)
    raise StartError(
        f"PORT 必須是 1 到 {highest} 的整數（0 表示任選未使用的通訊埠）。",
        f"PORT must be a whole number from 1 to {highest} (0: any free ports).",
    )


def make_root(root: Path) -> None:
    """Create the state folder and prove that it can be written to."""
    try:
        # Others may pass through but not look: PostgreSQL may have to run as another user (root shell).
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
        (root / "log").mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=root) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise StartError(
            f"無法寫入資料夾 {root}（{error.strerror}）。請確認資料夾權限與磁碟空間，或將程式複製到可寫入的位置。",
            f"The folder {root} cannot be written to ({error.strerror}). Check its permissions and the free disk "
            "space, or copy the checkout to a place you may write to.",
        ) from None


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, empty if there is no file; a broken file is named, never overwritten."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise StartError(
            f"{path} 無法讀取或內容毀損，請還原該檔；若不需保留資料，請執行 make clean。",
            f"{path} cannot be read or is damaged: restore it, or run make clean if its data may go.",
        )
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file in one step, readable by its owner only: a kill leaves the old one or the new one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        json.dump(content, handle, ensure_ascii=False, indent=2)
        handle.write("\n")
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)
