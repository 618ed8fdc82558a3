"""What the tests of starts ask of the suite, outside any event loop."""

import time
from collections.abc import Callable

import httpx

from local.stack import Stack
from shared.http import tls


def log_in(suite: Stack, name: str = "admin") -> httpx.Response:
    account = suite.accounts[name]
    login = {"username": account["username"], "password": account["password"]}
    return httpx.post(f"{suite.url}/identity/v1/sessions", json=login, timeout=20, trust_env=False, verify=tls())


def authority(suite: Stack, answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def page(suite: Stack, path: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(f"{suite.url}{path}", headers=headers, timeout=20, trust_env=False, verify=tls())


def until(condition: Callable[[], bool], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
