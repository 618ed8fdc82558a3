"""Which processes make the suite, with which arguments and environment (`contract.md`, Local mode).

A process is given what it needs and nothing else: its own database, its own client secret; the gateway has neither
database nor keys, and nobody but the migrations sees an owner's address.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.databases import Urls
from local.layout import REPO, SLOTS, Layout
from local.processes import Process

# Variables of the supervisor's own environment that no child inherits as they are.
_OURS = ("DATABASE_URL", "MUSTER_FIELD_KEYS", "MUSTER_DB_PREFIX", "MUSTER_DATABASE_URL")


def package(service: str) -> str:
    """The Python package of a service's folder."""
    return service.replace("-", "_")


def source(service: str) -> Path:
    return REPO / "services" / service / "src" / package(service)


def services() -> tuple[str, ...]:
    """The services this checkout has, in the order of their ports."""
    return tuple(name for name in SLOTS if (source(name) / "main.py").is_file())


def variable(service: str) -> str:
    return package(service).upper()


@dataclass(frozen=True)
class Suite:
    """Everything needed to describe the suite's processes."""

    layout: Layout
    urls: Mapping[str, Urls]
    secrets: Mapping[str, str]
    field_keys: str | None = None
    inherited: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def standins(self) -> list[Process]:
        """The two outside systems."""
        root, ports = self.layout.root, self.layout.ports
        registry: list[str | Path] = ["--port", str(ports["registry"]), "--file", root / "registry.sqlite"]
        mail: list[str | Path] = [
            "--port", str(ports["mail"]), "--smtp-port", str(ports["smtp"]), "--file", root / "mail.jsonl",
        ]  # fmt: skip
        return [
            self._process(
                "registry",
                ["-m", "local.registry_standin", *registry],
                {"MUSTER_REGISTRY_TOKEN": self.secrets["registry_token"]},
                f"{self.layout.address('registry')}/readyz",
            ),
            self._process("mail-sink", ["-m", "local.mail_sink", *mail], {}, f"{self.layout.address('mail')}/readyz"),
        ]

    def web(self) -> list[Process]:
        """One web process per service."""
        return [
            self._process(
                service,
                [
                    *self._uvicorn(package(service), service),
                    "--http", "httptools",
                ],
                self.environment(service),
                f"{self.layout.address(service)}/readyz",
            )
            for service in services()
        ]  # fmt: skip

    def workers(self) -> list[Process]:
        """One worker per service that has jobs."""
        return [
            self._process(
                f"{service}-worker",
                ["-m", f"{package(service)}.worker"],
                self.environment(service) | {"MUSTER_AUDIT_HEAD_DIR": str(self.layout.heads)},
                None,
            )
            for service in services()
            if (source(service) / "worker.py").is_file()
        ]

    def gateway(self) -> list[Process]:
        """The one entry for people and systems."""
        if not (REPO / "gateway" / "src" / "gateway" / "main.py").is_file():
            return []
        arguments: list[str | Path] = [
            *self._uvicorn("gateway", "gateway"),
            "--http", "h11", "--h11-max-incomplete-event-size", "16384",
        ]  # fmt: skip
        return [self._process("gateway", arguments, {}, f"{self.layout.url}/readyz")]

    def environment(self, service: str, *, owner: bool = False) -> dict[str, str]:
        """What one service's process is told beyond the common addresses; `owner` adds the migrating role's URL."""
        name = variable(service)
        told = {
            f"MUSTER_{name}_DATABASE_URL": self.urls[service].app,
            "MUSTER_CLIENT_ID": f"svc_{package(service)}",
            "MUSTER_CLIENT_SECRET": self.secrets.get(f"svc_{package(service)}", ""),
        }
        if self.field_keys:
            told["MUSTER_FIELD_KEYS"] = self.field_keys
        else:
            told["MUSTER_FIELD_KEYS_DIR"] = str(self.layout.keys)
        if owner:
            told[f"MUSTER_{name}_OWNER_DATABASE_URL"] = self.urls[service].owner
        if service == "roster":
            told["MUSTER_REGISTRY_TOKEN"] = self.secrets["registry_token"]
        return told

    def common(self) -> dict[str, str]:
        """What every process is told: the caller's environment without secrets, and who listens where."""
        environment = {
            name: value
            for name, value in self.inherited.items()
            if name not in _OURS and not name.endswith("_DATABASE_URL") and not name.startswith("PG")
        }
        layout = self.layout
        environment |= {
            # A proxy for the outside world must not be asked for what listens on this machine.
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "PYTHONUNBUFFERED": "1",
            "MUSTER_ENV": "local",
            "MUSTER_ISSUER": f"{layout.url}/identity",
            "MUSTER_CLOCK_FILE": str(layout.clock),
            "MUSTER_GATEWAY_URL": layout.url,
            "MUSTER_REGISTRY_URL": layout.address("registry"),
            "MUSTER_SMTP_URL": f"smtp://127.0.0.1:{layout.ports['smtp']}",
            "MUSTER_MAIL_URL": layout.address("mail"),
        }
        environment.setdefault("MUSTER_LOG_LEVEL", "INFO")
        return environment | {f"MUSTER_{variable(name)}_URL": layout.address(name) for name in services()}

    def _uvicorn(self, module: str, name: str) -> list[str | Path]:
        return [
            "-m", "uvicorn", "--factory", f"{module}.main:create_app",
            "--host", "127.0.0.1", "--port", str(self.layout.ports[name]), "--loop", "uvloop",
            "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "10",
        ]  # fmt: skip

    def _process(
        self, name: str, arguments: list[str | Path], told: Mapping[str, str], ready_url: str | None
    ) -> Process:
        return Process(
            name=name,
            argv=[sys.executable, *arguments],
            log=self.layout.log(name),
            env=self.common() | dict(told),
            ready_url=ready_url,
            cwd=REPO,
        )
