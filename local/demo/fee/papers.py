"""Papers as their reader sees them: the text, and what a reader of codes finds."""

import re

import pypdfium2
import zxingcpp

from local.demo.checks import equal
from local.demo.client import Actor


async def pdf(reader: Actor, path: str) -> bytes:
    """A paper that is asked for as PDF."""
    answer = await reader.send("GET", path, accept="application/pdf")
    equal(f"{reader.name}: GET {path}", answer.headers.get("content-type", "").split(";")[0], "application/pdf")
    return answer.content


def text(file: bytes) -> str:
    """All its text, without what breaks lines."""
    with pypdfium2.PdfDocument(file) as read:
        whole = "".join(page.get_textpage().get_text_range() for page in read)
    return re.sub(r"[\s\u200b]", "", whole)


def codes(file: bytes) -> set[str]:
    """What the codes on its first page say, printed at 200 dots an inch."""
    with pypdfium2.PdfDocument(file) as read:
        image = read[0].render(scale=200 / 72, grayscale=True)
        dots = memoryview(bytes(image.buffer)).cast("B", (image.height, image.stride))
        return {one.text for one in zxingcpp.read_barcodes(dots)}
