"""What an event has to tell before messages can be made of it, whichever service sent it."""

from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from notify.reading import Reading


class Facts(Reading, ABC):
    """The data of an event that somebody gets a message about."""

    @property
    @abstractmethod
    def about(self) -> UUID:
        """The thing the event is about."""

    @abstractmethod
    def variables(self) -> dict[str, Any]:
        """What the templates may speak of."""

    @abstractmethod
    def concerns(self, opens: str) -> dict[str, Any]:
        """What a reader needs to open the thing, at the path that `opens` describes."""
