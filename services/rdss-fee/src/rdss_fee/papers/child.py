"""What a child process does with a paper (`shared.child`): checks its characters, draws its codes, sets it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import segno
from barcode.codex import Code39

from rdss_fee.papers.making import Paper
from shared.child_main import Refused
from shared.papers.fonts import FontMissing
from shared.papers.press import Press, broken

_FOLDER: Final = Path(__file__).parent
# Longer than any number that is ours: those are copied out of the paper, and must hold nothing else.
_LONG_WORD: Final = re.compile(r"[!-~]{25,}")


def work(data: bytes, argument: Sequence[str]) -> bytes:
    """The PDF of a packed `Paper`; the font's folder is `argument[0]`."""
    paper = msgspec.msgpack.decode(data, type=Paper)
    try:
        press = Press(argument[0])
    except FontMissing as missing:
        raise Refused(str(missing.file).encode()) from None
    fields = {name: _drawn(press, value, paper.labels.get(name, "內容")) for name, value in paper.fields.items()}
    codes = {"code39": [{"text": text, "bars": _bars(text)} for text in paper.code39], "qr": _modules(paper.qr)}
    return press.set(_FOLDER / f"{paper.template}.typ", fields | codes, paper.made_at)


def _drawn(press: Press, value: Any, label: str) -> Any:
    if isinstance(value, str):
        return _LONG_WORD.sub(lambda word: broken(word[0]), press.text(value, 0, label))
    if isinstance(value, dict):
        return {name: _drawn(press, inner, label) for name, inner in value.items()}
    if isinstance(value, list):
        return [_drawn(press, inner, label) for inner in value]
    return value


def _bars(text: str) -> list[int]:
    """Widths in modules: a bar, a space, a bar, and so on."""
    (pattern,) = Code39(text, add_checksum=False).build()
    return [len(run[0]) for run in re.finditer(r"1+|0+", pattern)]


def _modules(text: str) -> list[list[int]]:
    """The dark modules of each row, from the left."""
    if not text:
        return []
    matrix = segno.make(text, error="m", micro=False).matrix
    return [[at for at, dark in enumerate(row) if dark] for row in matrix]
