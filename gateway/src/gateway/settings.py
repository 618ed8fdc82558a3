"""What the gateway is told from outside: addresses, nothing secret. It has no database and no key of its own."""

from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.browsers import read_origins
from gateway.policy import UPSTREAMS
from shared.settings import SettingsError


class GatewaySettings(BaseSettings):
    """Read from `MUSTER_…`. `issuer` is what tokens must carry as `iss`; addresses have no trailing slash.

    `spa_origins`: whose pages may call from a browser, comma-separated (GW-06); none by default.
    """

    model_config = SettingsConfigDict(env_prefix="MUSTER_", extra="ignore", frozen=True)

    issuer: str
    identity_url: str
    notify_url: str
    rdss_fee_url: str
    roster_url: str
    log_level: str = "INFO"
    spa_origins: Annotated[frozenset[bytes], NoDecode, BeforeValidator(read_origins)] = Field(
        default=frozenset(), validate_default=False
    )

    @property
    def upstreams(self) -> dict[str, str]:
        """Upstream name → address."""
        return {name: str(getattr(self, f"{name.replace('-', '_')}_url")).rstrip("/") for name in UPSTREAMS}

    @property
    def jwks_url(self) -> str:
        """Where identity publishes its keys."""
        return f"{self.upstreams['identity']}/identity/v1/.well-known/jwks.json"


def load() -> GatewaySettings:
    """Read the environment; raises SettingsError naming what to set."""
    try:
        return GatewaySettings()
    except ValidationError as error:
        names = ", ".join(f"MUSTER_{'_'.join(map(str, e['loc'])).upper()}" for e in error.errors())
        raise SettingsError(f"Missing or unusable settings: {names}.") from None
