"""A county's decision numbers (RO-41): proposed per batch, not unique, gaps allowed, in the county's own form."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from roster.review import numbers
from roster.review.models import CountySetting
from roster.review.schemas import CountySettings
from shared import audit, clock, preconditions
from shared.law import rule
from shared.problems import INVALID_CONTENT, Fault


async def _locked(session: AsyncSession, county_code: str) -> CountySetting:
    await session.execute(
        insert(CountySetting)
        .values(
            county_code=county_code,
            decision_number_format=numbers.DEFAULT_FORMAT,
            serial_year=clock.today().year,
            next_serial=1,
            version=0,
        )
        .on_conflict_do_nothing()
    )
    setting = await session.scalar(
        select(CountySetting)
        .where(CountySetting.county_code == county_code)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    assert setting is not None
    return setting


@rule("RO-41")
async def allocate(session: AsyncSession, county_code: str) -> str:
    """The county's next decision number; the serial begins anew each year."""
    setting = await _locked(session, county_code)
    today = clock.today()
    if setting.serial_year != today.year:
        setting.serial_year, setting.next_serial = today.year, 1
    number = numbers.decision_number(setting.decision_number_format, today, setting.next_serial)
    setting.next_serial += 1
    await session.flush()
    return number


async def get_settings(session: AsyncSession, county_code: str) -> CountySettings:
    """How the county numbers its decisions, and the number that comes next."""
    setting = await session.get(CountySetting, county_code)
    today = clock.today()
    form = setting.decision_number_format if setting else numbers.DEFAULT_FORMAT
    serial = setting.next_serial if setting and setting.serial_year == today.year else 1
    return CountySettings(
        county_code=county_code,
        decision_number_format=form,
        next_number=numbers.decision_number(form, today, serial),
        version=setting.version if setting else 0,
    )


async def set_format(session: AsyncSession, county_code: str, seen: int, template: str) -> CountySettings:
    """Choose the county's form; raises 412, and 422 for a form without `{serial}` or with unknown parts."""
    try:
        numbers.check_number_format(template)
    except numbers.NumberFormatError as error:
        raise INVALID_CONTENT(
            errors=[
                Fault(
                    error.code,
                    "文號格式須含 {serial}，並僅得使用 {roc_year} 與 {serial}",
                    "The format needs {serial}, and may use {roc_year} and {serial} only",
                    pointer="/decision_number_format",
                    suggestion=numbers.DEFAULT_FORMAT,
                )
            ]
        ) from None
    setting = await _locked(session, county_code)
    preconditions.require(seen, setting.version)
    setting.decision_number_format = template
    setting.version += 1
    await session.flush()
    await audit.record(session, "county_setting.changed", "county", county_code, {"format": template})
    return await get_settings(session, county_code)
