"""What a child process does with a document (`shared.child`): writes it in one form, or binds volumes."""

from collections.abc import Sequence

import msgspec

from shared.child_main import Refused
from shared.papers.document import BIND, decode
from shared.papers.fonts import FontMissing
from shared.papers.forms import Form


def work(data: bytes, argument: Sequence[str]) -> bytes:
    """The file in the form `argument[0]`, with the font's folder behind it for PDF; `bind`: of volumes, one file."""
    # Each child loads what its form needs and nothing else.
    what = argument[0]
    if what == BIND:
        from shared.papers import binding

        return binding.bind(msgspec.msgpack.decode(data, type=list[bytes]))
    packed = decode(data)
    if what == Form.XLSX:
        from shared.papers import xlsx

        return xlsx.write(packed)
    if what == Form.ODS:
        from shared.papers import ods

        return ods.write(packed)
    from shared.papers import pdf

    try:
        return pdf.write(packed, argument[1])
    except FontMissing as missing:
        raise Refused(str(missing.file).encode()) from None
