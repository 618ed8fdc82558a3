"""Named selects of employers."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Subquery, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.reference.models import Employer


def employers(*where: ColumnElement[bool]) -> Subquery:
    """Employers; `id` is their code."""
    return select(Employer.code.label("id"), *Employer.__table__.columns).where(*where).subquery("employers")


async def numbers(session: AsyncSession, codes: Iterable[str]) -> dict[str, int]:
    """The numbers of those of these employers that there are, by code."""
    query = select(Employer.code, Employer.number).where(Employer.code.in_(set(codes)))
    return {row.code: row.number for row in await session.execute(query)}


async def count_above(session: AsyncSession, number: int) -> int:
    """How many employers have a greater number than this."""
    return await session.scalar(select(func.count()).select_from(Employer).where(Employer.number > number)) or 0
