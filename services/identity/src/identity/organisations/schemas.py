"""Organisations as JSON."""

from pydantic import Field

from identity.schemas import Change, OneLine, OrgCode
from shared.schemas import In, Out
from shared.tokens import OrgType


class NewOrganisation(In):
    """An organisation to add."""

    type: OrgType = Field(description="機關單位類別，不得變更", examples=["county"])
    code: OrgCode = Field(description="機關單位代碼，不得變更")
    name: OneLine = Field(description="中文名稱", examples=["臺北市政府"])
    name_en: OneLine = Field(description="英文名稱", examples=["Taipei City Government"])


class OrganisationChange(Change):
    """New names of an organisation."""

    name: OneLine | None = Field(default=None, description="中文名稱", examples=["臺北市政府兵役局"])
    name_en: OneLine | None = Field(
        default=None, description="英文名稱", examples=["Department of Compulsory Military Service, Taipei City"]
    )


class OrganisationOut(Out):
    """An organisation."""

    type: str = Field(max_length=40)
    code: str = Field(max_length=64)
    name: str = Field(max_length=200)
    name_en: str = Field(max_length=200)
    version: int = Field(ge=1, le=2_147_483_647)
