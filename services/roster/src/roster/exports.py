"""Templates, and refused files to be mended, as spreadsheets: the form that `Accept` asks for (RO-07)."""

from typing import Annotated

from fastapi import Depends, Request, Response

from shared.exports import chosen
from shared.papers.forms import SPREADSHEETS, Form
from shared.problems import NOT_ACCEPTABLE


async def _sheet(request: Request, response: Response) -> Form:
    response.headers["Vary"] = "Accept"
    form = chosen(",".join(request.headers.getlist("accept")), SPREADSHEETS)
    if form is None:
        offered = "、".join(SPREADSHEETS)
        raise NOT_ACCEPTABLE(detail=f"範本可以下列格式提供：{offered}。", detail_en=f"Templates come as {offered}.")
    return form


WantedSheet = Annotated[Form, Depends(_sheet)]
"""XLSX or ODS, by `Accept`."""


async def _mended(request: Request) -> Form | None:
    form = chosen(",".join(request.headers.getlist("accept")), (Form.JSON, *SPREADSHEETS))
    return form if form in SPREADSHEETS else None


Mended = Annotated[Form | None, Depends(_mended)]
"""The form in which a refused file is to come back to be mended, if `Accept` asks for one."""
