"""rdss-fee's fixtures: A is an employer with men, notices and payments of its own; another employer has things too."""

from typing import Any

from tests.contracts.walls import fee_billing, fee_payments, fee_periods, fee_refunds, fee_reports, people
from tests.contracts.walls.rows import Row, World
from tests.rdss_fee.support import A, B, Fee
from tests.support.services import Service

_ROOMS = (fee_periods, fee_billing, fee_refunds, fee_reports, fee_payments)
ROWS: dict[str, Row] = {name: row for room in _ROOMS for name, row in room.ROWS.items()}


async def furnish(service: Service) -> World:
    """Two employers, and what each room puts beside them."""
    fee, things = Fee(service), dict[str, Any]()
    await fee.scheme()
    await fee.employer(A, 1, "甲示範科技股份有限公司")
    await fee.employer(B, 2, "乙示範生技股份有限公司")
    for room in _ROOMS:
        await room.furnish(fee, things)
    return World(
        service,
        things,
        people.of_a(),
        people.elsewhere(),
        people.bad_tokens(people.everybody()),
        people.newcomer(),
        sorted({value for value in things.values() if isinstance(value, str)} | {"甲公司役男", "甲示範科技"}),
        people.MACHINES,
    )
