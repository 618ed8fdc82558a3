"""Shapes that several modules of identity share: an organisation's key, roles, members that may be left out."""

import unicodedata
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, ValidationInfo, field_validator

from shared.ids import mask_ids_in
from shared.schemas import ContentError, In, Line, Out
from shared.tokens import OrgType, Role


def _one_line(value: str) -> str:
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in value) or value != value.strip():
        raise ContentError("須為單行文字，前後不得有空白", "One line is needed, without blanks around it")
    return value


def _nobodys_number(value: str) -> str:
    # An address travels in events, headers and other people's logs, and cannot be masked without being lost.
    if mask_ids_in(value) != value:
        raise ContentError("電子郵件地址不得含有身分證統一編號", "An address must not hold a national ID")
    return value


# What `_one_line` asks, as a schema can tell it.
_LINE = (
    r"^[^\s\u0000-\u001f\u007f-\u009f]"
    r"([^\u0000-\u001f\u007f-\u009f\u2028\u2029]*[^\s\u0000-\u001f\u007f-\u009f])?$"
)
OneLine = Annotated[Line, AfterValidator(_one_line), Field(json_schema_extra={"pattern": _LINE})]
OrgCode = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$", examples=["63000"])]
RoleName = Annotated[str, Field(max_length=40)]
Roles = Annotated[list[Role], Field(min_length=1, max_length=20, examples=[["case_officer"]])]
# What mail can be sent to as it stands: the form of HTML 5, ASCII only.
Email = Annotated[
    str,
    Field(
        min_length=3,
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
        r"(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$",
        examples=["chen.ml@taipei.example"],
    ),
    AfterValidator(_nobodys_number),
]
Phone = Annotated[
    str, Field(min_length=5, max_length=40, pattern=r"^[0-9+(][0-9+() #*-]+$", examples=["(02)2720-8889#8520"])
]


class OrgKeyIn(In):
    """An organisation by its key."""

    type: OrgType = Field(description="機關單位類別", examples=["county"])
    code: OrgCode = Field(description="機關單位代碼")


class OrgKey(Out):
    """An organisation by its key, in answers."""

    type: str = Field(max_length=40)
    code: str = Field(max_length=64)


class Change(In):
    """A PATCH: members left out stay as they are; null is a value only for those in `nullable`."""

    nullable: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _no_null(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None and info.field_name not in cls.nullable:
            raise ContentError("不得為 null；不變更者請省略此欄", "null cannot stand here: leave the member out")
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Without the null that stands for "left out" in Python, and nowhere in JSON."""
        schema = handler(core)
        for name, member in handler.resolve_ref_schema(schema).get("properties", {}).items():
            if name not in cls.nullable and "anyOf" in member:
                (given,) = [option for option in member.pop("anyOf") if option != {"type": "null"}]
                member.pop("default", None)
                member.update(given)
        return schema

    def given(self) -> dict[str, Any]:
        """The members that were sent."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}
