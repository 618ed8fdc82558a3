"""The jobs by which reports are made and deleted: what both who asks and who works them off must know."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from shared import jobs

MAKE: Final = "report.make"
EXPIRE: Final = "report.expire"
SEALED_AS: Final = "report_part.body"


async def expire_later(session: AsyncSession, whose: Mapping[str, Any], after: timedelta) -> None:
    """Have the file deleted `after` from now, unless it is kept longer by then."""
    seconds = int(after.total_seconds()) + 1
    key = f"{whose['report_id']}@{uuid.uuid4()}"
    await jobs.enqueue(session, EXPIRE, whose, key=key, priority=jobs.BULK, delay_seconds=seconds)
