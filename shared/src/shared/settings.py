"""What a process is told from outside, read once at its start.

Every value comes from the environment (`MUSTER_…`); nothing has a secret for a default. Addresses are those of
`contract.md`; a service's own database is found under `MUSTER_<SERVICE>_DATABASE_URL`.
"""

import os
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import clock

ServiceName = Literal["callup", "identity", "notify", "rdss-fee", "roster"]


class Settings(BaseSettings):
    """The settings of one service process.

    `issuer` is identity's public address and stands in every token as `iss`. `field_keys` or `field_keys_dir`
    holds the key ring of encrypted columns (`shared.crypto`). After `job_lease_seconds` a job whose worker died is
    taken up again; a handler gets four fifths of it. `audit_head_dir` is where a worker keeps the heads of sealed
    audit blocks (`shared.audit_heads`). `bank_drop_dir` is the folder in which the bank's posting files are laid down
    (`rdss_fee.payments.dropping`). `font_dir` has the fonts of PDF, where local/setup.sh does not put
    them.
    """

    model_config = SettingsConfigDict(env_prefix="MUSTER_", extra="ignore", frozen=True)

    service: str
    database_url: SecretStr
    env: Literal["local", "production"] = "production"
    issuer: str
    identity_url: str
    roster_url: str = ""
    notify_url: str = ""
    gateway_url: str = ""
    registry_url: str = ""
    registry_token: SecretStr = SecretStr("")
    smtp_url: str = ""
    mail_from: str = "muster@localhost"
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    field_keys: SecretStr = SecretStr("")
    field_keys_dir: str = ""
    audit_head_dir: str = ""
    bank_drop_dir: str = ""
    font_dir: str = ""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    pool_size: int = Field(default=8, ge=1, le=100)
    job_lease_seconds: int = Field(default=60, ge=5, le=3_600)


class SettingsError(RuntimeError):
    """A setting is missing or wrong; the text names the variable, never its value."""


def load(service: ServiceName) -> Settings:
    """Read the environment of `service`; raises `SettingsError` naming what to set."""
    variable = f"MUSTER_{service.upper().replace('-', '_')}_DATABASE_URL"
    url = os.environ.get(variable)
    if not url:
        raise SettingsError(f"{variable} is not set: give the address of the {service} database.")
    try:
        settings = Settings(service=service, database_url=SecretStr(url))
    except ValidationError as error:
        names = ", ".join(f"MUSTER_{'_'.join(map(str, e['loc'])).upper()}" for e in error.errors())
        raise SettingsError(f"Missing or unusable settings: {names}.") from None
    clock.check_environment(settings.env)
    return settings
