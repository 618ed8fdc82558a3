"""What a suite starts with, and how keys are rotated by hand: the commands (ID-01, ID-05)."""

import asyncio
import io
import json
import os
import subprocess
import sys

import pytest

from identity import rotate, seed
from identity.passwords import Hasher, cost_for
from identity.seed import Seed, plant
from shared.settings import SettingsError
from tests.identity.conftest import PASSWORDS, SEED
from tests.identity.support import House
from tests.support.services import FIELD_KEYS


def told(house: House) -> dict[str, str]:
    """What the supervisor puts into the environment."""
    return {
        "MUSTER_ENV": "local",
        "MUSTER_ISSUER": "http://127.0.0.1:1/identity",
        "MUSTER_IDENTITY_URL": "http://127.0.0.1:1",
        "MUSTER_IDENTITY_DATABASE_URL": house.service.urls.app,
        "MUSTER_FIELD_KEYS": FIELD_KEYS,
        "MUSTER_ARGON2_COST": "low",
    }


@pytest.fixture
def command(house, monkeypatch, capsys):
    """`await command(seed, text)`: run a command's `main` on standard input; its exit code and what it printed."""
    for name, value in told(house).items():
        monkeypatch.setenv(name, value)

    async def run(module, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = await module.main()
        printed = capsys.readouterr()
        assert printed.err == ""
        return code, printed.out

    return run


@pytest.mark.rule("ID-01")
async def test_again_changes_nothing_and_hashes_nothing(house, monkeypatch):
    hasher = Hasher("low")
    monkeypatch.setattr(hasher, "hash", None)
    before = await house.rows("SELECT * FROM account ORDER BY id")
    jobs = len(await house.rows("SELECT 1 FROM job"))
    assert jobs == len(SEED["accounts"])
    added = await plant(house.service.database, hasher, Seed.model_validate(SEED))
    assert added == {"organisations": 0, "accounts": 0, "clients": 0}
    assert await house.rows("SELECT * FROM account ORDER BY id") == before
    assert len(await house.rows("SELECT 1 FROM job")) == jobs


async def test_a_changed_password_stays_and_a_clients_secret_is_taken(house):
    accounts = [{**a, "password": "another-password-2026"} for a in SEED["accounts"]]
    clients = [{**c, "client_secret": "s" * 43} for c in SEED["clients"]]
    content = Seed.model_validate({**SEED, "accounts": accounts, "clients": clients})
    added = await plant(house.service.database, Hasher("low"), content)
    assert added == {"organisations": 0, "accounts": 0, "clients": 2}
    assert (await house.try_log_in("officer", PASSWORDS["officer"])).status_code == 200
    answer = await house.token(grant_type="client_credentials", client_id="sis_ntu", client_secret="s" * 43)
    assert answer.status_code == 200


async def test_two_seeders_at_once(identity):
    content = Seed.model_validate(SEED)
    both = await asyncio.gather(*(plant(identity.database, Hasher("low"), content) for _ in range(2)))
    assert sum(added["accounts"] for added in both) == len(SEED["accounts"])


async def test_the_command_itself(house):
    """As the supervisor runs it, on a house that is furnished: nothing to do, and quickly."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "identity.seed"],
        input=json.dumps(SEED),
        env={**os.environ, **told(house)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    assert (printed["event"], printed["accounts"]) == ("seeded", 0)
    assert not any(password in done.stdout for password in PASSWORDS.values())


@pytest.mark.parametrize(
    "stdin",
    [
        "",
        "{",
        '{"accounts": [{"username": "x", "password": "short-but-secret"}]}',
        '{"clients": [{"client_id": "abc", "name": "x", "roles": ["service"], "org": "service:roster",'
        ' "client_secret": "short-but-secret"}]}',
        json.dumps({"accounts": [{**SEED["accounts"][3], "username": "misfit", "roles": ["admin"]}]}),
    ],
    ids=["nothing", "broken", "account", "client", "role-of-another-kind"],
)
async def test_unusable_input_is_refused_and_not_echoed(command, stdin):
    code, printed = await command(seed, stdin)
    assert code == 2
    assert json.loads(printed)["event"] in ("seed_unusable", "seed_refused")
    assert "short-but-secret" not in printed
    assert PASSWORDS["officer"] not in printed


@pytest.mark.rule("ID-05")
async def test_the_rotation_command(house, command):
    code, printed = await command(rotate)
    assert (code, json.loads(printed)["event"]) == (1, "keys_not_rotated")
    await house.rows("UPDATE signing_key SET created_at = created_at - interval '11 minutes' WHERE active_from IS NULL")
    code, printed = await command(rotate)
    assert code == 0
    done = json.loads(printed)
    rows = {row["kid"]: row for row in await house.rows("SELECT * FROM signing_key")}
    assert rows[done["active"]]["active_from"] is not None
    assert rows[done["standby"]]["active_from"] is None


@pytest.mark.rule("ID-01")
@pytest.mark.parametrize(
    ("cost", "env", "told"),
    [
        (None, "production", "full"),
        ("full", "local", "full"),
        ("low", "local", "low"),
        ("low", "production", None),
        ("", "local", None),
    ],
)
def test_cheap_hashing_is_for_local_mode_only(monkeypatch, cost, env, told):
    monkeypatch.delenv("MUSTER_ARGON2_COST")
    if cost is not None:
        monkeypatch.setenv("MUSTER_ARGON2_COST", cost)
    if told is None:
        with pytest.raises(SettingsError):
            cost_for(env)
    else:
        assert cost_for(env) == told
