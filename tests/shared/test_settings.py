"""Settings: what is missing or wrong is named by its variable, its value is not shown."""

import os

import pytest

from shared.clock import ClockError
from shared.settings import Settings, SettingsError, load

SECRET = "hunter2-of-this-test"
COMPLETE = {
    "MUSTER_ROSTER_DATABASE_URL": f"postgresql+asyncpg://a:{SECRET}@127.0.0.1/x",
    "MUSTER_ISSUER": "http://127.0.0.1:1/identity",
    "MUSTER_IDENTITY_URL": "http://127.0.0.1:1",
    "MUSTER_CLIENT_SECRET": SECRET,
    "MUSTER_REGISTRY_TOKEN": SECRET,
    "MUSTER_FIELD_KEYS": SECRET,
}


@pytest.fixture
def environment(monkeypatch):
    """Nothing but what the test sets."""
    for name in list(os.environ):
        if name.upper().startswith("MUSTER_"):
            monkeypatch.delenv(name)
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_what_is_set_is_read(environment):
    settings = load("roster")
    assert (settings.service, settings.env, settings.pool_size) == ("roster", "production", 8)
    assert settings.database_url.get_secret_value() == COMPLETE["MUSTER_ROSTER_DATABASE_URL"]


def test_each_service_has_a_database_of_its_own(environment):
    with pytest.raises(SettingsError, match="MUSTER_RDSS_FEE_DATABASE_URL"):
        load("rdss-fee")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MUSTER_ROSTER_DATABASE_URL", ""),
        ("MUSTER_ROSTER_DATABASE_URL", None),
        ("MUSTER_ISSUER", None),
        ("MUSTER_IDENTITY_URL", None),
        ("MUSTER_ENV", SECRET),
        ("MUSTER_POOL_SIZE", SECRET),
        ("MUSTER_POOL_SIZE", "0"),
        ("MUSTER_JOB_LEASE_SECONDS", "0"),
        ("MUSTER_LOG_LEVEL", SECRET),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(environment, name, value):
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as refused:
        load("roster")
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_secrets_do_not_show(environment):
    settings = load("roster")
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()


def test_nothing_secret_has_a_default():
    for name, field in Settings.model_fields.items():
        if "secret" in name or "key" in name or "token" in name:
            default = field.default
            assert (default.get_secret_value() if hasattr(default, "get_secret_value") else default) == "", name


def test_the_clock_is_moved_in_local_mode_only(environment, tmp_path):
    (tmp_path / "clock").write_text("5")
    environment.setenv("MUSTER_CLOCK_FILE", str(tmp_path / "clock"))
    with pytest.raises(ClockError):
        load("roster")
    environment.setenv("MUSTER_ENV", "local")
    assert load("roster").env == "local"
