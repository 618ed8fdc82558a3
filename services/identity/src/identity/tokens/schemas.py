"""Log-ins, sessions and tokens as JSON."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.schemas import In, Instant, Out

_USERNAME = Field(min_length=1, max_length=200, description="登入帳號", examples=["taipei.chen"])


class LogIn(In):
    """A user name and its password."""

    username: str = _USERNAME
    password: str = Field(min_length=1, max_length=128, description="密碼", repr=False)


class PasswordChange(In):
    """The old password and the next: at least 12 characters, not the user name, not the old one."""

    current_password: str = Field(min_length=1, max_length=128, description="原密碼", repr=False)
    new_password: str = Field(max_length=1_000, description="新密碼，至少 12 個字元", repr=False)


class TokenOut(Out):
    """An access token for a system (RFC 6749 5.1)."""

    access_token: str = Field(max_length=8_192, description="for `Authorization: Bearer`", repr=False)
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the type, no token
    expires_in: int = Field(ge=1, le=3_600, description="seconds", examples=[600])


class SessionTokens(TokenOut):
    """The tokens of a session."""

    refresh_token: str = Field(max_length=200, description="to be used once, for the next tokens", repr=False)
    must_change_password: bool = Field(
        description="true: until `PUT /identity/v1/me/password` the access token opens nothing else"
    )
    session_id: UUID


class SessionOut(Out):
    """One of one's own sessions."""

    id: UUID
    user_agent: str = Field(max_length=200, description="what the browser or program called itself at log-in")
    started_at: Instant
    last_used_at: Instant
    ends_at: Instant
    current: bool = Field(description="whether this request belongs to it")


class SessionsOut(Out):
    """One's own sessions that are still live, the latest first."""

    items: list[SessionOut] = Field(max_length=1_000)


# 4096 bits in base64url are 683 characters.
Jwk = Annotated[dict[str, Annotated[str, Field(max_length=1_000)]], Field(max_length=12)]


class JwksOut(Out):
    """A JWK set (RFC 7517)."""

    keys: list[Jwk] = Field(max_length=32)
