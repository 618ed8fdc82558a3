"""`python -m shared.audit_verify identity notify …`: is every audit row what and where it was when it was sealed?

Reads `MUSTER_<SERVICE>_DATABASE_URL` of each service (the application's role will do), `MUSTER_AUDIT_HEAD_DIR`, and
the field keys if they are given; without them the codes of the kept heads are not checked. Ends with 0 when all is as
it was, with 1 when something is not, with 2 when that could not be found out. What it tells is numbers of blocks and
ids of rows, never what stands in them.

`--adopt` makes the newest block the one to go on from, where a database was restored or the kept heads were lost; it
says so in the log of heads for good. It refuses while rows and blocks do not agree with one another.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from shared import crypto, purposes
from shared.audit_blocks import newest_block
from shared.audit_check import WAITING_SECONDS, verify
from shared.audit_findings import Account
from shared.audit_heads import HEAD_KEY, FileHeads, Head, HeadError
from shared.db import Context, Database

CHANGED, UNKNOWN = 1, 2


class Unknown(Exception):
    """It could not be found out; the text says why, in both languages."""


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="shared.audit_verify", description="Compare audit rows with their seals.")
    parser.add_argument("services", nargs="+", metavar="service")
    parser.add_argument("--without-heads", action="store_true", help="do not compare the heads kept outside")
    parser.add_argument("--adopt", action="store_true", help="go on from the newest block, whatever heads are kept")
    parser.add_argument("--waiting", type=int, default=WAITING_SECONDS, metavar="SECONDS", help="rows may wait so long")
    options = parser.parse_args(arguments)
    codes = []
    for service in options.services:
        try:
            codes.append(asyncio.run(_one(service, options)))
        except (Unknown, crypto.FieldKeyError, HeadError, OSError, TimeoutError, SQLAlchemyError) as error:
            why = str(error) if isinstance(error, Unknown | crypto.FieldKeyError | HeadError) else type(error).__name__
            _say(f"{service}：無法查核。 {service}: could not be checked. {why}")
            codes.append(UNKNOWN)
    return CHANGED if CHANGED in codes else max(codes)


async def _one(service: str, options: argparse.Namespace) -> int:
    variable = f"MUSTER_{service.upper().replace('-', '_')}_DATABASE_URL"
    url = os.environ.get(variable)
    if not url:
        raise Unknown(f"未設定 {variable}。 {variable} is not set.")
    key = _key()
    heads = None if options.without_heads else FileHeads(_folder(), service, key)
    database = Database(url, pool_size=1, application="audit-verify")
    try:
        if options.adopt:
            return await _adopt(database, service, heads)
        account = await verify(database, service, heads, waiting=options.waiting)
    finally:
        await database.close()
    if heads is None:
        account.warn("heads_unread", None)
    elif key is None:
        account.warn("heads_unsigned", None)
    _tell(account)
    return 0 if account.is_whole else CHANGED


async def _adopt(database: Database, service: str, heads: FileHeads | None) -> int:
    if heads is None:
        raise Unknown("--adopt 須比對資料庫外留存的摘要。 --adopt needs the heads kept outside.")
    account = await verify(database, service, None)
    if not account.is_whole:
        _tell(account)
        return CHANGED
    async with database.transaction(Context.system(service)) as session:
        await purposes.assume(session, "seal", "audit_block", "adopt", audited=False)
        last = await newest_block(session, service)
    heads.append(Head.of(last, adopted=True))
    number = last.number if last else 0
    _say(f"{service}：自第 {number} 號區塊接續。 {service}: to go on from block {number}.")
    return 0


def _folder() -> Path:
    folder = os.environ.get("MUSTER_AUDIT_HEAD_DIR")
    if not folder:
        raise Unknown(
            "未設定 MUSTER_AUDIT_HEAD_DIR（或以 --without-heads 略過）。"
            " MUSTER_AUDIT_HEAD_DIR is not set (--without-heads does without)."
        )
    return Path(folder)


def _key() -> bytes | None:
    document, folder = os.environ.get("MUSTER_FIELD_KEYS", ""), os.environ.get("MUSTER_FIELD_KEYS_DIR", "")
    return crypto.load(document, folder).derive(HEAD_KEY) if document or folder else None


def _tell(account: Account) -> None:
    for line in account.lines():
        _say(line)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
