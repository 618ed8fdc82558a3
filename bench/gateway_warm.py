"""`gateway_warm`: how many requests a second one core of gateway takes, a row against HAProxy and one against Envoy.

All stand before the same small upstream and answer GET of one route with its 0.9 KB of JSON. Each checks RS256,
issuer, audience, times and role of every request, and logs it; 1,000 tokens take turns on 32 keep-alive connections.
Ours is the very process that `make run` starts, told other addresses. Before anything is timed all must give the same
answers: 200 with the same body to a good token; 401 without one, to a foreign signature, to one that is over or of
another issuer; 403 without the role; refused when meant for another audience.

The gateway measured has its core to itself; upstream and load share the other. `busy` is how much of its core it used
meanwhile: below 0.9 it was not what held the others up, and the figure is too low. `load` is what the asking took of
the other core.

Learnt: HAProxy 2.6 remembers no token and verifies each anew (OpenSSL: 30 µs); Envoy and ours remember. Most of our
time goes into h11 and ASGI, which design.md gives up for a bare protocol in the gateway's own issue.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.load import drive
from bench.machine import cores, cpu_seconds, on
from bench.peers import envoy, haproxy
from bench.peers.cache import UnavailableError
from bench.place import Place, conditions
from bench.results import Row, against, alone
from bench.rounds import Contest, Side, Slice, contest
from bench.servers import NotStartedError, Server, answers, get
from local.layout import OFFSETS, Layout
from local.postgres import free_port
from local.suite import Suite
from shared.tokens import SigningKey, as_jwks, mint

NAME, UNIT = "gateway_warm", "req/s"
PATH, ROLE = "/roster/v1/rosters", "case_officer"
ISSUER = "http://127.0.0.1/identity"
TOKENS = 1_000
SECONDS = 3.0
ROUNDS = 7
BODY = json.dumps({"items": [{"id": number, "name": "名冊" * 4} for number in range(12)], "next_cursor": None})


def measure(place: Place) -> Iterator[Row]:
    """A row for each peer."""
    place.fresh()
    here = Here.furnished(place)
    missing: dict[str, str] = {}
    with ExitStack() as stack, on(cores().rest):
        stack.enter_context(here.upstream())
        servers = {"ours": stack.enter_context(here.ours())}
        for name, peer in here.peers.items():
            try:
                servers[name] = stack.enter_context(peer())
            except (UnavailableError, NotStartedError, OSError) as error:
                missing[name] = str(error)
        ceiling = drive(here.ports["upstream"], here.requests, here.body, SECONDS).rate
        place.tell(f"upstream alone: {ceiling:,.0f} {UNIT}")
        measured = contest([here.side(name, server) for name, server in servers.items()], place.tell, ROUNDS)
    for name in here.peers:
        yield _row(name, measured, missing.get(name), ceiling)


def _row(name: str, measured: Contest, why: str | None, ceiling: float) -> Row:
    extra = {"tokens": TOKENS, "body_bytes": len(BODY.encode()), "upstream_alone": ceiling, **conditions()}
    if why is not None:
        return alone(NAME, UNIT, "higher", measured, name, why, **extra)
    return against(NAME, UNIT, "higher", measured, name, **extra)


class Here:
    """Everything that stands around the gateways: ports, keys, tokens, requests."""

    def __init__(self, place: Place, key: SigningKey, tokens: list[str]) -> None:
        self.place = place
        self.key = key
        self.jwks = as_jwks([key])
        self.body = BODY.encode()
        self.requests = [_request(token) for token in tokens]
        self.ports = {name: free_port() for name in ("upstream", "ours", haproxy.NAME, envoy.NAME)}
        self.peers: Mapping[str, Callable[[], Server]] = {haproxy.NAME: self._haproxy, envoy.NAME: self._envoy}

    @classmethod
    def furnished(cls, place: Place) -> "Here":
        """With fresh keys and tokens."""
        key = SigningKey.generate("RS256")
        place.tell(f"{TOKENS} tokens")
        return cls(place, key, [mint(_claims(number), key) for number in range(TOKENS)])

    def upstream(self) -> Server:
        """What stands behind all of them."""
        file = self.place.folder / "answers.json"
        document = {"openapi": "3.1.0", "info": {"title": "upstream", "version": "1"}, "paths": {}, "components": {}}
        held = {
            "/identity/v1/.well-known/jwks.json": json.dumps(self.jwks),
            "/openapi.json": json.dumps(document),
            "/readyz": "{}",
            "*": BODY,
        }
        file.write_text(json.dumps(held), encoding="utf-8")
        port = self.ports["upstream"]
        command: list[str | Path] = [sys.executable, "-m", "bench.upstream", str(port), file]
        return Server("upstream", command, self.place.log("upstream"), answers(port), cpus=cores().rest)

    def ours(self) -> Server:
        """The gateway as `make run` starts it, with every service at the upstream's port."""
        layout = Layout(
            self.place.folder, dict.fromkeys(OFFSETS, self.ports["upstream"]) | {"gateway": self.ports["ours"]}
        )
        process = Suite(layout, {}, {}).gateway()[0]
        ready = answers(self.ports["ours"], "/readyz", 200)
        return Server(
            "gateway", process.argv, self.place.log("gateway"), ready, cpus=cores().servers,
            env={**process.env, "MUSTER_ISSUER": ISSUER},
        )  # fmt: skip

    def _haproxy(self) -> Server:
        pem = self.place.folder / "key.pem"
        pem.write_bytes(self.key.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return haproxy.server(
            haproxy.program(self.place.peers), self.place.log("haproxy"), self.ports[haproxy.NAME], key=pem,
            **self._told(),
        )  # fmt: skip

    def _envoy(self) -> Server:
        return envoy.server(
            envoy.program(self.place.peers), self.place.log("envoy"), self.ports[envoy.NAME], jwks=self.jwks,
            **self._told(),
        )  # fmt: skip

    def _told(self) -> dict[str, Any]:
        return {
            "upstream": self.ports["upstream"], "issuer": ISSUER, "path": PATH, "role": ROLE, "cpus": cores().servers,
        }  # fmt: skip

    def side(self, name: str, server: Server) -> Side:
        """One of the gateways in the contest."""
        port = self.ports[name]

        def take(_round: int) -> Slice:
            before = cpu_seconds(server.pid)
            load = drive(port, self.requests, self.body, SECONDS)
            after = cpu_seconds(server.pid)
            notes = {"load": load.own_share}
            if before is not None and after is not None:
                taken = after - before
                notes |= {"busy": taken / load.seconds, "cpu_us": taken / load.requests * 1_000_000}
            return Slice(load.rate, load.seconds, notes)

        return Side(name, lambda: self.answered(port), take)

    def answered(self, port: int) -> dict[str, Any]:
        """What a gateway says to good and bad tokens."""
        foreign = SigningKey.generate("RS256", kid=self.key.kid)
        now = int(time.time())
        asked = {
            "good": {"Authorization": f"Bearer {mint(_claims(1), self.key)}"},
            "none": {},
            "forged": {"Authorization": f"Bearer {mint(_claims(2), foreign)}"},
            "over": {
                "Authorization": f"Bearer {mint(_claims(3, iat=now - 900, nbf=now - 900, exp=now - 600), self.key)}"
            },
            "elsewhere": {"Authorization": f"Bearer {mint(_claims(4, iss='http://elsewhere/identity'), self.key)}"},
            "other audience": {"Authorization": f"Bearer {mint(_claims(5, aud='other'), self.key)}"},
            "other role": {"Authorization": f"Bearer {mint(_claims(6, roles=['employer']), self.key)}"},
        }
        said = {what: get(port, PATH, headers) for what, headers in asked.items()}
        told: dict[str, Any] = {what: None if one is None else one[0] for what, one in said.items()}
        # Envoy alone says 403 to a token that is meant for somebody else.
        told["other audience"] = told["other audience"] in (401, 403)
        good = said["good"]
        # Told apart from what the others say even if all were wrong alike.
        return told | {"same body": good is not None and good[1] == self.body, "expected": told == _EXPECTED}


_EXPECTED = {
    "good": 200, "none": 401, "forged": 401, "over": 401, "elsewhere": 401, "other audience": True, "other role": 403,
}  # fmt: skip


def _claims(number: int, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": ISSUER,
        "aud": "muster",
        "sub": f"officer-{number}",
        "roles": [ROLE],
        "org": {"type": "county", "code": "63000"},
        "scope": "",
        "acr": "pwd",
        "jti": f"{number:032x}",
        "iat": now - 5,
        "nbf": now - 5,
        "exp": now + 3_600,
    } | changes


def _request(token: str) -> bytes:
    head = (
        f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    return head.encode("ascii")
