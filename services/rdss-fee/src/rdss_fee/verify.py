"""`python -m rdss_fee.verify`: is the ledger whole? Everything it says is recomputed from its postings.

Reads `MUSTER_RDSS_FEE_DATABASE_URL` (the application's role will do). Ends with 0 when all adds up, with 1 when
something does not, with 2 when that could not be found out. What it tells is ids and amounts, never names.
"""

import asyncio
import os
import sys

from sqlalchemy.exc import SQLAlchemyError

from rdss_fee.ledger.schemas import VerificationOut
from rdss_fee.ledger.verification import verify
from shared import purposes
from shared.db import Context, Database

WRONG, UNKNOWN = 1, 2
_VARIABLE = "MUSTER_RDSS_FEE_DATABASE_URL"


def main() -> int:
    """The command; returns the exit code."""
    url = os.environ.get(_VARIABLE)
    if not url:
        _say(f"未設定 {_VARIABLE}。 {_VARIABLE} is not set.")
        return UNKNOWN
    try:
        found = asyncio.run(_verified(url))
    except (OSError, TimeoutError, SQLAlchemyError) as error:
        _say(f"帳務：無法查核。 The ledger could not be verified. {type(error).__name__}")
        return UNKNOWN
    for line in told(found):
        _say(line)
    return 0 if found.whole else WRONG


async def _verified(url: str) -> VerificationOut:
    database = Database(url, pool_size=1, application="ledger-verify")
    try:
        async with database.transaction(Context.system("rdss-fee")) as session:
            await purposes.assume(session, "verify", "ledger", "all")
            return await verify(session)
    finally:
        await database.close()


def told(found: VerificationOut) -> list[str]:
    """What is said of a verification, a line each."""
    lines = [
        f"收款 {found.payments:,} 筆共 {found.payments_total:,} 元：沖帳 {found.allocated:,}，溢繳 {found.overpaid:,}，"
        f"暫收 {found.suspended:,}。",
        f"{found.payments:,} payments of NT${found.payments_total:,}: {found.allocated:,} allocated,"
        f" {found.overpaid:,} overpaid, {found.suspended:,} in suspense; {found.postings:,} postings.",
    ]
    for one in found.findings:
        first = "" if one.expected is None else f"; the first: {one.found:,} found, {one.expected:,} expected"
        lines.append(f"不符  {one.check}: {one.count} ({', '.join(one.subjects)}){first}")
    if found.whole:
        lines.append("帳務相符。 The ledger is whole.")
    return lines


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
