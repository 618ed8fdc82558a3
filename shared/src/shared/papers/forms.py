"""The forms a list can be had in, by their media types."""

from enum import StrEnum


class Form(StrEnum):
    """The first is what is sent to whoever does not ask."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    CSV = "text/csv"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    PDF = "application/pdf"

    @property
    def extension(self) -> str:
        """How the name of such a file ends, without the dot."""
        return self.name.lower()

    @property
    def content_type(self) -> str:
        """The media type with its parameters."""
        return f"{self.value}; charset=utf-8; header=present" if self is Form.CSV else self.value


SPREADSHEETS = (Form.XLSX, Form.ODS)
BOUND = (*SPREADSHEETS, Form.PDF)
"""Made whole, by a child process; the others are written as their rows come."""
