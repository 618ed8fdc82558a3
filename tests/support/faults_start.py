"""What the tests of starts ask of the suite, outside any event loop."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from local.stack import Stack
from shared.http import tls

PATIENCE = 30.0


def _asked(suite: Stack, method: str, path: str, **how: Any) -> httpx.Response:
    """The answer; whoever is told "come back" does, as the contract has it: the machine does other things as well."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = httpx.request(method, f"{suite.url}{path}", timeout=20, trust_env=False, verify=tls(), **how)
        if answer.status_code != 503 or "retry-after" not in answer.headers or time.monotonic() > deadline:
            return answer
        print(f"{method} {path}: {answer.text}")
        time.sleep(0.5)


def log_in(suite: Stack, name: str = "admin") -> httpx.Response:
    account = suite.accounts[name]
    login = {"username": account["username"], "password": account["password"]}
    return _asked(suite, "POST", "/identity/v1/sessions", json=login)


def authority(suite: Stack, answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def page(suite: Stack, path: str, headers: dict[str, str]) -> httpx.Response:
    return _asked(suite, "GET", path, headers=headers)


def until(condition: Callable[[], bool], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
