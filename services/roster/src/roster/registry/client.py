"""The conscription registry (役政資訊系統) as an HTTP port: one question, two kinds of event.

Whatever goes wrong becomes one of two ends: `RetryLater`, or `GiveUp` when the registry refused the content itself.
Neither says a word of what was sent or answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from roster.registry.facts import CurrentAnnotation, Facts, InductionOrder
from shared import http
from shared.events import MEDIA_TYPE
from shared.jobs import GiveUp, RetryLater
from shared.settings import Settings

# Refusals that the same content may outlive: a time-out, a conflict, too early, too many.
_PASSING = frozenset({408, 409, 425, 429})
_CREDENTIALS = frozenset({401, 403})


class _Draftee(msgspec.Struct):
    national_id: str
    status: str | None = None
    birth_date: date | None = None
    household_county_code: str | None = None
    household_township_code: str | None = None
    household_since: date | None = None
    induction_order: InductionOrder | None = None
    overseas_compatriot: bool | None = None
    volunteer_training: bool | None = None
    annotation: dict[str, Any] | None = None


class _Answer(msgspec.Struct):
    as_of: datetime
    draftees: list[_Draftee]
    unknown: list[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The registry's answer of `as_of` by national ID; None for a man of whom it has no data."""

    as_of: datetime
    men: Mapping[str, Facts | None]


class RegistryClient:
    """Calls the registry under its bearer token."""

    def __init__(self, settings: Settings, client: http.AsyncClient) -> None:
        self._url = settings.registry_url
        self._token = settings.registry_token.get_secret_value()
        self._client = client

    async def lookup(self, national_ids: Sequence[str]) -> Answer:
        """RO-18's facts of up to 1,000 men. Raises RetryLater or GiveUp."""
        response = await self._post(
            "/v1/draftees/lookup", msgspec.json.encode({"national_ids": national_ids}), "application/json"
        )
        try:
            answer = msgspec.json.decode(response.content, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RetryLater("answered what cannot be read") from None
        if answer.as_of.tzinfo is None:
            raise RetryLater("answered an instant without a zone")
        men: dict[str, Facts | None] = {man.national_id: _facts(man) for man in answer.draftees}
        men |= dict.fromkeys(answer.unknown)
        if not men.keys() >= set(national_ids):
            raise RetryLater("answered for some of the men only")
        return Answer(answer.as_of, men)

    async def send(self, path: str, event: Mapping[str, Any]) -> None:
        """Deliver a CloudEvent; the registry applies each id once. Raises RetryLater or GiveUp."""
        await self._post(path, msgspec.json.encode(event), MEDIA_TYPE)

    async def _post(self, path: str, content: bytes, media_type: str) -> http.Response:
        try:
            response = await self._client.post(
                f"{self._url}{path}",
                content=content,
                headers={"Authorization": f"Bearer {self._token}", "Content-Type": media_type},
            )
        except http.HTTPError as error:
            raise RetryLater(type(error).__name__) from None
        status = response.status_code
        if 200 <= status < 300:
            return response
        if status in _CREDENTIALS:
            raise RetryLater(f"answered {status}: check MUSTER_REGISTRY_TOKEN")
        if 400 <= status < 500 and status not in _PASSING:
            raise GiveUp(f"refused with {status}")
        raise RetryLater(f"answered {status}")


def _facts(man: _Draftee) -> Facts:
    return Facts(
        status=man.status,
        birth_date=man.birth_date,
        household_county_code=man.household_county_code,
        household_township_code=man.household_township_code,
        household_since=man.household_since,
        induction_order=man.induction_order,
        overseas_compatriot=man.overseas_compatriot,
        volunteer_training=man.volunteer_training,
        annotation=_annotation(man.annotation),
    )


def _annotation(held: Mapping[str, Any] | None) -> CurrentAnnotation | None:
    """What is known of a current annotation; one that is not of our form keeps its number, so that it is not lost."""
    if held is None:
        return None
    try:
        return msgspec.convert(held, CurrentAnnotation)
    except msgspec.ValidationError:
        number = held.get("decision_number")
        return CurrentAnnotation(decision_number=number if isinstance(number, str) else None)
