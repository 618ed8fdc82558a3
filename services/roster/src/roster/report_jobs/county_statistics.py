"""A county's statistics as a report (RO-61, RO-62): a line a group, and one of all."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from roster.intake.rules import RosterKind
from roster.statistics import service
from roster.statistics.schemas import By, Group, StatisticsOut
from shared.csv_out import Sheet
from shared.law import rule
from shared.papers.report import Layout, Report
from shared.places import COUNTIES
from shared.principals import Principal
from shared.roc import roc
from shared.schemas import Page

_TOTAL: Final = "合計"
_OVER: Final = {
    By.KIND: "名冊種類",
    By.SCHOOL: "學校",
    By.TOWNSHIP: "鄉鎮市區",
    By.MONTH: "收件月份",
    By.COUNTY: "縣市",
}
_FIGURES: Final = (
    ("收件", "filed"),
    ("已收件未開啟", "received"),
    ("審查中", "in_review"),
    ("待查明", "on_hold"),
    ("陳核中", "for_approval"),
    ("核准", "approved"),
    ("不核准", "rejected"),
    ("逾期送件", "late"),
    ("逾期未核定", "overdue"),
    ("辦理日數中位數", "median_days"),
)


def stored(from_on: date | None, to_on: date | None, kind: RosterKind | None, by: By | None) -> dict[str, str | None]:
    """What is asked for, as a report keeps it."""
    return {
        "from_on": None if from_on is None else from_on.isoformat(),
        "to_on": None if to_on is None else to_on.isoformat(),
        "kind": kind,
        "by": by,
    }


async def counted(session: AsyncSession, caller: Principal, about: Mapping[str, Any]) -> StatisticsOut:
    """The figures; raises as `roster.statistics.service.figures`."""
    first, last = (None if about[name] is None else date.fromisoformat(about[name]) for name in ("from_on", "to_on"))
    return await service.figures(
        session,
        caller,
        from_on=first,
        to_on=last,
        kind=None if about["kind"] is None else RosterKind(about["kind"]),
        by=None if about["by"] is None else By(about["by"]),
    )


@rule("RO-62", "RO-61")
async def lines(session: AsyncSession, caller: Principal, about: Mapping[str, Any]) -> Page[Group]:
    """All lines: the groups in their order, then the sum."""
    found = await counted(session, caller, about)
    total = Group(key="total", name=_TOTAL, **found.total.model_dump())
    return Page[Group](items=[*found.groups, total], next_cursor=None)


def report(caller: Principal, about: Mapping[str, Any]) -> Report[Group]:
    """How it is written."""

    async def paper(session: AsyncSession) -> Layout[Group]:
        found = await counted(session, caller, about)
        told = (
            f"收件期間：{roc(found.from_on)}至{roc(found.to_on)}",
            f"逾期未核定：{roc(found.overdue_through)}以前收件而尚未核定者（{found.overdue_by.text}）",
        )
        columns = tuple((heading, 7, _cell(name)) for heading, name in _FIGURES)
        return Layout(
            f"{COUNTIES[caller.org.code].name}緩徵審核統計",
            told,
            ((_OVER[found.by], 18, lambda group: group.name), *columns),
        )

    columns = tuple((heading, _cell(name)) for heading, name in _FIGURES)
    sheet = Sheet[Group]((("代碼", lambda group: group.key), ("名稱", lambda group: group.name), *columns))
    return Report(sheet, "緩徵審核統計", "county-statistics", paper)


def _cell(name: str) -> Any:
    return lambda group: getattr(group, name)
