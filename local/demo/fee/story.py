"""The second part, act by act."""

from local.demo import days
from local.demo.client import World
from local.demo.fee import (
    act1_men,
    act2_first_run,
    act3_payments,
    act4_next_months,
    act5_refund,
    act6_april,
    act7_reports,
)
from local.demo.fee.cast import make_cast
from local.demo.fee.scene import STAFF, FeeScene
from local.demo.fee.told import FeeTold
from local.demo.teller import Teller
from local.stack import Stack

_LONGEST_RUN = 180


async def tell(suite: Stack, seed: str, told: FeeTold) -> None:
    """All of it, on a suite that knows no employer yet; raises `NotAsTold` at the first thing that is not as told."""
    # The suite's days are counted from Taipei's, which must not change meanwhile.
    await days.clear_of_midnight(_LONGEST_RUN)
    world, teller = World(suite), Teller()
    try:
        offices = ("programme_office", "authority_finance", "authority_finance_2")
        await world.log_in_all(*offices, *STAFF.values(), "employer_a_department")
        await _acts(FeeScene(suite, world, teller, seed, told, make_cast(seed)))
    finally:
        await world.close()
    teller.close()


async def _acts(scene: FeeScene) -> None:
    with scene.teller.act("費率、用人單位與役男", "Rates, employers and sixty servicemen"):
        await act1_men.tell(scene)
    with scene.teller.act("9月15日：10月之計費與通知單", "15 September: October's run and its notices"):
        await act2_first_run.tell(scene)
    with scene.teller.act("繳費、入帳與收據", "Payments, suspense, receipts"):
        await act3_payments.tell(scene)
    with scene.teller.act("轉調、折抵、停役回役、提前退役", "Transferred, credited, suspended and back, released"):
        await act4_next_months.tell(scene)
    with scene.teller.act("每月20日前退費", "A refund claim by the 20th"):
        await act5_refund.tell(scene)
    with scene.teller.act("116年4月：逾期與違規事證", "April 2027: late, and a violation"):
        await act6_april.tell(scene)
    with scene.teller.act("報表與總帳", "Finance's reports, the ledger at zero"):
        await act7_reports.tell(scene)
