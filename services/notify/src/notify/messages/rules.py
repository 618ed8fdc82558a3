"""The life of a message."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.law import rule


class State(StrEnum):
    """`created → sending → sent → delivered | failed | bounced` (NO-06).

    E-mail ends at `sent`, when the mail server has taken it over: that is all SMTP tells. What stands in an inbox is
    `delivered` from the first, for the row is the delivery. `bounced` belongs to channels that report back.
    """

    CREATED = "created"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    BOUNCED = "bounced"


class Action(StrEnum):
    """What happens to a message."""

    BEGIN = "begin"
    ACCEPT = "accept"
    FAIL = "fail"
    REPLAY = "replay"
    PLACE = "place"


class Failure(StrEnum):
    """Why a message failed. The first four are `notify.subscriptions.Withheld`, found when it was to go out."""

    INACTIVE = "inactive"
    NOT_ADDRESSEE = "not_addressee"
    OPTED_OUT = "opted_out"
    NO_ADDRESS = "no_address"
    REFUSED = "refused"
    EXHAUSTED = "exhausted"


LABELS: Final[Mapping[Failure, tuple[str, str]]] = {
    Failure.INACTIVE: ("收件帳號已停用", "The account is no longer active"),
    Failure.NOT_ADDRESSEE: ("收件人已不具該機關之職務", "The account no longer holds that post"),
    Failure.OPTED_OUT: ("收件人選擇不接收系統通知信件", "The recipient declined system mail"),
    Failure.NO_ADDRESS: ("收件帳號無可用之電子郵件地址", "The account has no usable e-mail address"),
    Failure.REFUSED: ("郵件伺服器拒絕收件", "The mail server refused it for good"),
    Failure.EXHAUSTED: ("多次重試仍無法交付", "It could not be handed over after many tries"),
}


class Outcome(StrEnum):
    """How an attempt ended; an attempt without one was cut short, and may or may not have gone out."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"


TRANSITIONS: Final[Mapping[tuple[State, Action], State]] = {
    (State.CREATED, Action.BEGIN): State.SENDING,
    # A retry, or the attempt of a worker that died: the message goes out again under the same Message-ID.
    (State.SENDING, Action.BEGIN): State.SENDING,
    (State.SENDING, Action.ACCEPT): State.SENT,
    (State.SENDING, Action.FAIL): State.FAILED,
    (State.CREATED, Action.FAIL): State.FAILED,
    (State.FAILED, Action.REPLAY): State.CREATED,
    # Into the inbox, in the transaction that makes it: nothing can come between.
    (State.CREATED, Action.PLACE): State.DELIVERED,
}


class NotPossibleError(Exception):
    """The message's state does not allow the action."""


@rule("NO-06")
def advance(state: State, action: Action) -> State:
    """The state after `action`; raises `NotPossibleError` when there is no such step."""
    try:
        return TRANSITIONS[state, action]
    except KeyError:
        raise NotPossibleError(f"{action} in state {state}") from None
