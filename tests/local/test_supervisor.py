"""`make run` with small services: what is said, what each process is told, what a kill and a stop do."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from local.accounts import MACHINES, ORGANISATIONS, PEOPLE, SERVICE_CLIENTS, complete, seed
from local.children import alive
from local.layout import OFFSETS, choose_ports
from local.postgres import Postgres
from local.stack import Stack
from shared.ids import is_business_number
from shared.tokens import ROLES
from tests.local.checkout import Checkout, apart

pytestmark = pytest.mark.xdist_group("supervisor")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("supervisor") / "checkout")


@pytest.fixture(scope="module")
def suite(checkout: Checkout) -> Iterator[Stack]:
    with checkout.suite(MUSTER_FIELD_KEYS="", MUSTER_SPARE="passed on") as running:
        yield running


def _told(suite: Stack, name: str) -> dict[str, str]:
    answer: dict[str, str] = httpx.get(f"http://127.0.0.1:{suite.ports[name]}/").json()
    return answer


def test_each_step_is_a_line_with_its_time_and_the_last_word_is_the_address(suite: Stack) -> None:
    lines = suite.said().splitlines()
    steps = [line for line in lines if line.startswith("[")]
    assert all(re.match(r"\[ *\d+\.\d s\] .+  .+", line) for line in steps)
    times = [float(line[1:].partition(" s]")[0]) for line in steps]
    assert times == sorted(times)
    english = [line.rpartition("  ")[2] for line in steps]
    assert "PostgreSQL created" in english[0]
    assert "2 databases, 2 created" in english[1]
    assert english[-1] == "ready"
    assert lines[-2].strip() == suite.url


def test_run_json_tells_pids_ports_and_start(suite: Stack) -> None:
    run = suite.run
    assert set(run["ports"]) == set(OFFSETS)
    names = {"identity", "roster", "identity-worker", "roster-worker", "gateway", "registry", "mail-sink", "postgres"}
    assert run["pids"].keys() == names
    assert all(alive(pid) for pid in run["pids"].values())
    assert run["started_at"].endswith("+00:00")


def test_state_is_for_the_owner_only(suite: Stack) -> None:
    for name in ("accounts.json", "secrets.json", "run.json", "keys/field.json", "pg.password", "log/roster.log"):
        assert stat.S_IMODE((suite.root / name).stat().st_mode) == 0o600, name
    for name in ("keys", "log", "pg"):
        assert stat.S_IMODE((suite.root / name).stat().st_mode) == 0o700, name


def test_every_process_is_told_what_it_needs_and_no_more(suite: Stack) -> None:
    roster, identity, gateway = (_told(suite, name) for name in ("roster", "identity", "gateway"))
    for told in (roster, identity, gateway):
        assert told["MUSTER_ENV"] == "local"
        assert told["MUSTER_ISSUER"] == f"{suite.url}/identity"
        assert told["MUSTER_ROSTER_URL"] == f"http://127.0.0.1:{suite.ports['roster']}"
        assert told["MUSTER_CLOCK_FILE"] == str(suite.root / "clock")
        assert told["MUSTER_SPARE"] == "passed on"
        assert "MUSTER_NOTIFY_URL" not in told  # not in this checkout
        assert not any("OWNER" in name or name == "DATABASE_URL" for name in told)
    assert roster["MUSTER_ROSTER_DATABASE_URL"].startswith("postgresql+asyncpg://muster_roster_app:")
    assert roster["MUSTER_FIELD_KEYS_DIR"] == str(suite.root / "keys")
    assert roster["MUSTER_CLIENT_ID"] == "svc_roster"
    assert roster["MUSTER_CLIENT_SECRET"] != identity["MUSTER_CLIENT_SECRET"]
    assert "MUSTER_ROSTER_DATABASE_URL" not in identity
    assert "MUSTER_REGISTRY_TOKEN" not in identity
    assert not any("DATABASE" in name or "KEYS" in name or "SECRET" in name or "TOKEN" in name for name in gateway)


def test_identity_is_given_the_accounts_that_accounts_json_tells(suite: Stack, checkout: Checkout) -> None:
    given = json.loads((checkout.source("identity") / "seeded.json").read_text())
    accounts = suite.accounts
    assert {a["username"]: a["password"] for a in given["accounts"]} == {
        p.name: accounts[p.name]["password"] for p in PEOPLE
    }
    secrets = {c["client_id"]: c["client_secret"] for c in given["clients"]}
    assert secrets == {m.name: accounts[m.name]["client_secret"] for m in MACHINES} | {
        c.name: suite.secrets[c.name] for c in SERVICE_CLIENTS
    }
    organisations = {f"{o['type']}:{o['code']}" for o in given["organisations"]}
    assert {a["org"] for a in accounts.values()} <= organisations


@pytest.mark.parametrize("name", ["roster", "identity-worker", "mail-sink", "gateway"])
def test_a_killed_child_is_restarted_and_it_is_said(suite: Stack, name: str) -> None:
    old = suite.kill(name)
    assert suite.wait_restarted(name, old) != old
    assert f"{name}：  ended with signal 9 (SIGKILL)" in suite.said()


def test_a_killed_postmaster_is_restarted_with_its_data(suite: Stack) -> None:
    async def ask(statement: str) -> object:
        deadline = time.monotonic() + 20
        while True:
            try:
                connection = await asyncpg.connect(suite.database_url("roster"))
            except (OSError, asyncpg.PostgresError):
                assert time.monotonic() < deadline
                continue
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

    apart(ask("CREATE TABLE survived AS SELECT 42 AS word"))
    old = suite.kill("postgres")
    suite.wait_restarted("postgres", old)
    assert apart(ask("SELECT word FROM survived")) == 42


def test_stop_then_a_second_start(checkout: Checkout, tmp_path: Path) -> None:
    suite = checkout.suite(tmp_path / "state").start()
    assert Stack.running(suite.root) is not None
    accounts, pids, supervisor = suite.accounts, suite.pids, suite.run["supervisor"]
    code = suite.stop()
    assert code == 0
    assert not any(alive(pid) for pid in (*pids.values(), supervisor))
    assert not (suite.root / "run.json").exists()
    assert Stack.running(suite.root) is None
    english = [line.rpartition("  ")[2] for line in suite.said().splitlines() if line.startswith("[")]
    assert english[-2:] == ["stopping", "stopped"]
    log = suite.log("postgres")
    assert "database system is shut down" in log.splitlines()[-1]

    lines: list[str] = []
    began = time.monotonic()
    with checkout.suite(tmp_path / "state") as again:
        assert time.monotonic() - began < 12
        assert again.accounts == accounts
        lines = again.said().splitlines()
    assert any("2 databases" in line and "created" not in line for line in lines)
    assert any("schemas up to date" in line for line in lines)


def test_another_database_server_is_used_when_one_is_given(checkout: Checkout, tmp_path: Path) -> None:
    with Postgres(tmp_path / "server") as server:
        state, other = tmp_path / "state", tmp_path / "other"
        with checkout.suite(state, DATABASE_URL=server.admin_url, MUSTER_DB_PREFIX="mine") as suite:
            assert "postgres" not in suite.pids
            assert not (state / "pg").exists()
            assert f":{server.port}/mine_roster" in _told(suite, "roster")["MUSTER_ROSTER_DATABASE_URL"]
            # Another checkout under the same prefix is refused, under its own it runs beside this one.
            refused = checkout.command(
                "--port=0", f"--root={other}", DATABASE_URL=server.admin_url, MUSTER_DB_PREFIX="mine"
            )
            assert refused.returncode == 1
            assert "MUSTER_DB_PREFIX" in refused.stderr
            with checkout.suite(tmp_path / "third", DATABASE_URL=server.admin_url, MUSTER_DB_PREFIX="yours"):
                pass


def test_a_moved_day_is_said(checkout: Checkout, tmp_path: Path) -> None:
    suite = checkout.suite(tmp_path / "state")
    suite.root.mkdir()
    suite.move_clock(40)
    with suite:
        assert "+40 天" in suite.said()


def test_the_suite_stops_when_the_program_that_started_it_is_killed(checkout: Checkout, tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time; from local.stack import Stack\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "suite = Stack(pathlib.Path(sys.argv[2]), checkout=folder).start()\n"
        "print(suite.run['supervisor'], flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(checkout.folder), str(tmp_path / "state")],
        env=os.environ | checkout.environment,
        cwd=checkout.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    with starter.stdout as output:
        supervisor = int(output.readline())
    pids = Stack(tmp_path / "state").pids
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in (supervisor, *pids.values())):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (tmp_path / "state" / "run.json").exists()


# -- tables without processes ------------------------------------------------------------------------------------


def test_ports_have_slots() -> None:
    """contract.md, Local mode: gateway PORT, services in folder order, PostgreSQL +20, stand-ins +21 to +23."""
    assert choose_ports(8080) == {
        "gateway": 8080,
        "callup": 8081,
        "identity": 8082,
        "notify": 8083,
        "rdss-fee": 8084,
        "roster": 8085,
        "postgres": 8100,
        "registry": 8101,
        "smtp": 8102,
        "mail": 8103,
    }
    free = choose_ports(0)
    assert len(set(free.values())) == len(OFFSETS)


NAMED_IN_THE_CONTRACT = {
    "school_ntu": "school", "school_other": "school", "school_senior_high": "school",
    "county_taipei_officer": "case_officer", "county_taipei_approver": "approver",
    "county_taipei_approver_2": "approver", "county_taipei_deputy": "case_officer",
    "county_newtaipei_officer": "case_officer", "county_newtaipei_approver": "approver", "township": "township",
    "education_authority": "education_authority", "judicial_authority": "judicial_authority", "feed": "feed",
    "sis_ntu": "school", "employer_a": "employer", "employer_b": "employer", "programme_office": "programme_office",
    "authority_finance": "authority_finance",
    "authority_finance_2": "authority_finance",
    "employer_a_department": "employer_department",
    "employer_c": "employer", "personnel_office": "personnel_office", "teacher": "teacher",
    "reserve_officer": "reserve_officer", "reserve_commander": "reserve_commander", "admin": "admin",
    "auditor": "auditor",
}  # fmt: skip


def test_the_accounts_of_the_contract() -> None:
    accounts = complete({})
    assert {name: account["role"] for name, account in accounts.items()} == NAMED_IN_THE_CONTRACT
    people = {"username", "password", "role", "roles", "org", "email"}
    machines = {"client_id", "client_secret", "role", "org"}
    for name, account in accounts.items():
        assert account.keys() == (machines if name in ("feed", "sis_ntu") else people)
        assert re.fullmatch(r"[a-z_]+:[A-Za-z0-9]+", account["org"])
    assert accounts["school_ntu"]["org"] == accounts["sis_ntu"]["org"] == "school:0003"
    assert accounts["county_taipei_deputy"]["roles"] == ["case_officer", "approver"]
    secrets = [a.get("password") or a["client_secret"] for a in accounts.values()]
    assert len(set(secrets)) == len(secrets)
    assert all(len(secret) >= 20 for secret in secrets)
    assert len({a["email"] for a in accounts.values() if "email" in a}) == len(PEOPLE)


def test_known_secrets_stay_and_missing_ones_are_added() -> None:
    first = complete({})
    known: dict[str, Any] = {name: dict(account) for name, account in first.items() if name != "teacher"}
    known["mine"] = {"username": "mine"}
    second = complete(known)
    assert second["mine"] == {"username": "mine"}
    assert {name: second[name] for name in known} == known
    assert second["teacher"]["password"] != first["teacher"]["password"]


def test_the_seed_names_known_organisations_and_roles_only() -> None:
    content = seed(complete({}), {client.name: "x" * 43 for client in SERVICE_CLIENTS})
    organisations = {(o["type"], o["code"]) for o in content["organisations"]}
    assert len(organisations) == len(ORGANISATIONS)
    for entry in (*content["accounts"], *content["clients"]):
        assert (entry["org"]["type"], entry["org"]["code"]) in organisations
        assert set(entry["roles"]) <= ROLES
    by_name = {account["name"]: account for account in content["accounts"]}
    assert [name for name, account in by_name.items() if not account["system_mail"]] == ["county_taipei_approver_2"]
    assert all(is_business_number(o.code) for o in ORGANISATIONS if o.type == "employer")


def test_school_codes_are_the_ministrys(ministry_list: dict[str, str]) -> None:
    universities = [o for o in ORGANISATIONS if o.type == "school" and len(o.code) == 4]
    assert len(universities) == 2
    for school in universities:
        assert ministry_list[school.code] == school.name


@pytest.fixture
def ministry_list() -> dict[str, str]:
    folder = Path(os.environ.get("MUSTER_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
    file = folder / "moe_universities_u1_new.csv"
    if not file.is_file():
        pytest.skip("the Ministry's list is not on this machine (MUSTER_DATA_DIR)")
    rows = [line.split(",") for line in file.read_text(encoding="utf-8-sig").splitlines()]
    return {row[0]: row[1] for row in rows if len(row) > 1}
