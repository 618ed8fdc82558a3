"""Where the fonts of PDF are, and what is to be done when they are not."""

import sys
from pathlib import Path
from typing import Final

VARIABLE: Final = "MUSTER_FONT_DIR"
FILE: Final = "NotoSansCJKsc-Regular.otf"
# Debian's fonts-cns11643-kai, where it is installed: rare characters and plane 15.
_RARE = Path("/usr/share/fonts/truetype/cns11643")
# Where local/setup.sh puts it.
_OF_THE_ENVIRONMENT = Path(sys.prefix) / "share/muster/fonts"


class FontMissing(Exception):
    """There is no font to set Chinese in; `file` is what was looked for."""

    def __init__(self, file: Path) -> None:
        super().__init__(str(file))
        self.file = file


def found(folder: str = "") -> list[Path]:
    """The font files that are there, in the order in which they are tried. Raises `FontMissing`.

    `folder`: where the first is, unless it is where the environment's own fonts are.
    """
    first = (Path(folder) if folder else _OF_THE_ENVIRONMENT) / FILE
    if not first.is_file():
        raise FontMissing(first)
    return [first, *sorted(_RARE.glob("*.ttf"))]
