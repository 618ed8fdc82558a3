"""The shared suite, stopped and started again: what the first start made is what the second finds."""

import httpx
import pytest

from local.stack import Stack

pytestmark = [pytest.mark.xdist_group("suite"), pytest.mark.timeout(300)]


def _log_in(suite: Stack, name: str) -> httpx.Response:
    account = suite.accounts[name]
    if "client_id" in account:
        form = {
            "grant_type": "client_credentials",
            "client_id": account["client_id"],
            "client_secret": account["client_secret"],
        }
        return httpx.post(f"{suite.url}/identity/v1/token", data=form, timeout=30)
    login = {"username": account["username"], "password": account["password"]}
    return httpx.post(f"{suite.url}/identity/v1/sessions", json=login, timeout=30)


def test_the_accounts_of_the_first_start_log_in_at_the_second(suite: Stack) -> None:
    accounts = suite.accounts
    names = ["school_ntu", "county_taipei_approver_2", "township", "admin", "feed", "sis_ntu"]
    refused = {name: reply.text for name in names if not (reply := _log_in(suite, name)).is_success}
    assert refused == {}
    me = httpx.get(
        f"{suite.url}/identity/v1/me",
        headers={"Authorization": f"Bearer {_log_in(suite, 'school_ntu').json()['access_token']}"},
        timeout=30,
    ).json()
    assert (me["org"]["type"], me["org"]["code"]) == ("school", "0003")
    readyz = httpx.get(f"{suite.url}/readyz", timeout=30)
    assert readyz.status_code == 200
    assert set(suite.pids) >= {"identity", "roster", "notify", "gateway", "identity-worker", "notify-worker"}
    first = suite.said()
    assert "created" in first

    assert suite.stop() == 0
    suite.start()
    assert suite.accounts == accounts
    assert _log_in(suite, "county_taipei_deputy").is_success
    assert _log_in(suite, "sis_ntu").is_success
    assert "created" not in suite.said()
    logs = "".join(path.read_text(errors="replace") for path in (suite.root / "log").iterdir())
    secrets = [a.get("password") or a["client_secret"] for a in accounts.values()]
    assert not [s for s in [*secrets, *suite.secrets.values()] if s in logs + first + suite.said()]
