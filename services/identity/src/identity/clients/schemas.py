"""Clients as JSON. No answer holds a secret, but the one that hands it out."""

from pydantic import Field

from identity.schemas import Change, OneLine, OrgKey, OrgKeyIn, RoleName, Roles
from shared.schemas import Bool, In, Instant, Out


class NewClient(In):
    """A client to create; its secret is made here and handed out in the answer."""

    client_id: str = Field(
        description="介接系統代號，不得變更",
        max_length=40,
        pattern=r"^[a-z][a-z0-9_]{2,39}$",
        examples=["sis_ntu"],
    )
    name: OneLine = Field(description="系統名稱", examples=["校務資訊系統"])
    org: OrgKeyIn
    roles: Roles


class ClientChange(Change):
    """What may change of a client."""

    name: OneLine | None = Field(default=None, description="系統名稱")
    roles: Roles | None = None
    active: Bool | None = Field(default=None, description="停用後不再核發權杖")


class ClientOut(Out):
    """A client."""

    client_id: str = Field(max_length=40)
    name: str = Field(max_length=200)
    org: OrgKey
    roles: list[RoleName] = Field(max_length=20)
    active: bool
    previous_secret_until: Instant | None = Field(description="until when the secret before still works")
    version: int = Field(ge=1, le=2_147_483_647)
    created_at: Instant


class ClientWithSecret(ClientOut):
    """A client whose secret is handed out, this once."""

    client_secret: str = Field(max_length=200, description="僅顯示一次，請妥善保存")
