"""Volumes of PDF as one file. For child processes."""

import io

from pypdf import PdfReader, PdfWriter


def bind(volumes: list[bytes]) -> bytes:
    """The volumes as one file, still PDF/A: the first's catalogue with all of the pages."""
    bound = PdfWriter(clone_from=io.BytesIO(volumes[0]))
    for volume in volumes[1:]:
        bound.append(PdfReader(io.BytesIO(volume)), import_outline=False)
    out = io.BytesIO()
    bound.write(out)
    return out.getvalue()
