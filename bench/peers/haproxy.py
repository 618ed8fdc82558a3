"""HAProxy out of Debian: one thread, RS256 and claims of every token checked, an access log line a request."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.peers import cache
from bench.peers.cache import UnavailableError
from bench.servers import Server, answers

NAME = "HAProxy"
_PART = Path("usr") / "sbin" / "haproxy"


def program(peers: Path) -> Path:
    """The binary, the machine's own or Debian's package unpacked; raises UnavailableError."""
    if sys.platform != "linux":
        raise UnavailableError("HAProxy is fetched from Debian: Linux only")
    own = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if own is not None:
        return Path(own)
    return cache.once(
        peers / "haproxy",
        lambda folder: folder / _PART,
        lambda folder: cache.from_debian(folder, "haproxy", str(_PART)),
    )


# The gateway's questions, as far as HAProxy can put them: algorithm, signature, issuer, audience, times, role.
_CONFIGURATION = """\
global
  nbthread 1
  maxconn 4096
  log stdout format raw local0 info
defaults
  mode http
  log global
  option httplog
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend entry
  bind 127.0.0.1:{port}
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_header_query('$.alg') -m str RS256 }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify("RS256","{key}") -m int 1 }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_payload_query('$.iss') -m str {issuer} }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_payload_query('$.aud') -m str {audience} }}
  http-request set-var(txn.left) var(txn.token),jwt_payload_query('$.exp','int'),sub(txn.now)
  http-request set-var(txn.since) var(txn.token),jwt_payload_query('$.nbf','int'),sub(txn.now)
  http-request deny deny_status 401 unless {{ var(txn.left) -m int gt 0 }} {{ var(txn.since) -m int le 0 }}
  http-request set-var(txn.role) var(txn.token),jwt_payload_query('$.roles[0]')
  http-request deny deny_status 403 unless {{ path {path} }} {{ var(txn.role) -m str {role} }}
  default_backend services
backend services
  server one 127.0.0.1:{upstream}
"""


def server(
    binary: Path, log: Path, port: int, *, upstream: int, key: Path, issuer: str, path: str, role: str,
    cpus: Iterable[int],
) -> Server:  # fmt: skip
    """HAProxy on `port` before `upstream`; `key` is a PEM file with the public key of the tokens."""
    configuration = log.with_name("haproxy.cfg")
    configuration.parent.mkdir(parents=True, exist_ok=True)
    text = _CONFIGURATION.format(
        port=port, upstream=upstream, key=key, issuer=issuer, audience="muster", path=path, role=role
    )
    configuration.write_text(text, encoding="ascii")
    command: list[str | Path] = [binary, "-db", "-f", configuration]
    env = cache.libraries(binary.parents[2]) if binary.parents[2] != Path("/") else None
    return Server(NAME, command, log, answers(port), cpus=cpus, env=env)
