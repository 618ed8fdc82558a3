"""The work of the process that reads a workbook; `shared.child` starts it with the media type as its argument."""

import io
import zipfile
from collections.abc import Sequence

from roster.intake.sheets.book import XLSX, BookError, encode
from roster.intake.sheets.ods import read_ods
from roster.intake.sheets.xlsx import read_xlsx
from shared.child_main import Refused


def work(data: bytes, argument: Sequence[str]) -> bytes:
    """The `Book` of a file that `package` has looked at, or its `Refusal`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            book = read_xlsx(archive) if argument[0] == XLSX else read_ods(archive)
        return encode(book)
    except BookError as error:
        raise Refused(encode(error.refusal)) from None
    except zipfile.BadZipFile:
        raise Refused(encode(BookError("unsound").refusal)) from None
