"""The services' own OpenAPI documents, each made in a process of its own, as it would start.

Nothing of a service stays in the process that asks: two services cannot be imported into one.
"""

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
_DESCRIBE = (
    "import json, sys; from {package}.main import create_app; sys.stderr.write(json.dumps(create_app().openapi()))"
)
# Enough to be made, not to run: nothing is connected to before a service starts.
_ENVIRONMENT = {
    "MUSTER_ENV": "local",
    "MUSTER_ISSUER": "http://127.0.0.1:1/identity",
    "MUSTER_IDENTITY_URL": "http://127.0.0.1:1",
    "MUSTER_RDSS_FEE_URL": "http://127.0.0.1:1",
    "MUSTER_ROSTER_URL": "http://127.0.0.1:1",
    "MUSTER_NOTIFY_URL": "http://127.0.0.1:1",
    "MUSTER_GATEWAY_URL": "http://127.0.0.1:1",
    "MUSTER_REGISTRY_URL": "http://127.0.0.1:1",
    "MUSTER_SMTP_URL": "smtp://127.0.0.1:1",
    "MUSTER_CLIENT_ID": "contract",
    "MUSTER_CLIENT_SECRET": "contract",
    "MUSTER_LOG_LEVEL": "ERROR",
    "MUSTER_FIELD_KEYS": json.dumps({"active": "k1", "keys": {"k1": "A" * 43 + "="}, "index": "B" * 42 + "A="}),
}


@cache
def document(service: str) -> dict[str, Any]:
    """The document of `service` (its folder's name)."""
    own = {f"MUSTER_{service.replace('-', '_').upper()}_DATABASE_URL": "postgresql+asyncpg://a:b@127.0.0.1:1/c"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    made = subprocess.run(
        [sys.executable, "-c", _DESCRIBE.format(package=service.replace("-", "_"))],
        env={**kept, **_ENVIRONMENT, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    found: dict[str, Any] = json.loads(made.stderr[made.stderr.index('{"openapi"') :])
    return found
