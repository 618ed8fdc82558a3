"""Why a start stops: told in Chinese and English, always with what to do next."""


class StartError(Exception):
    """The suite cannot start (or go on); both texts name the cause and the remedy, neither holds a secret."""

    def __init__(self, message: str, message_en: str) -> None:
        super().__init__(message_en)
        self.message = message
        self.message_en = message_en

    def __str__(self) -> str:
        return f"{self.message}\n{self.message_en}"
