"""The keys of encrypted columns in local mode: `.local/keys/field.json`, or `MUSTER_FIELD_KEYS`."""

import base64
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from local.databases import Urls, plain
from local.errors import StartError
from local.layout import read_json, write_json


def ensure(folder: Path, *, data_exists: bool, given: str | None) -> bool:
    """Make the key file if there is none; True if this call made it.

    With `given` (the content of MUSTER_FIELD_KEYS) nothing is made. Where data exists and no key does, new keys
    would open none of it: raises `StartError`. Whether keys open what is stored is checked by each service.
    """
    if given:
        return False
    file = folder / "field.json"
    if file.exists():
        content = read_json(file)
        if {"active", "keys", "index"} <= content.keys():
            return False
        raise StartError(
            f"{file} 不是欄位金鑰檔，請還原正確的檔案。",
            f"{file} does not hold field keys: restore the right file.",
        )
    if data_exists:
        raise StartError(
            f"資料庫已有加密資料，但找不到欄位金鑰 {file}。請還原金鑰檔或設定 MUSTER_FIELD_KEYS；"
            "若資料可捨棄，請執行 make clean 後重新啟動。",
            f"The databases hold encrypted data, but the field keys {file} are missing. Restore that file or set "
            "MUSTER_FIELD_KEYS; if the data may go, run make clean and start again.",
        )
    folder.mkdir(mode=0o700, exist_ok=True)
    write_json(file, {"active": "k1", "keys": {"k1": _random_key()}, "index": _random_key()})
    return True


def fingerprint(document: str) -> str:
    """Tells one key document from another without telling a key."""
    return hashlib.sha256(document.encode()).hexdigest()


async def check(document: str, urls: Mapping[str, Urls]) -> None:
    """Open the probe that each key has left in each database; `StartError` when one does not open.

    The services check the same at their start. Here it is asked only when the keys are not those of the last start,
    so that a person is told at once.
    """
    from shared import crypto  # Imports SQLAlchemy, which no other part of a start needs.

    try:
        ring = crypto.KeyRing.parse(document)
    except crypto.FieldKeyError:
        raise StartError(
            "欄位金鑰（.local/keys/field.json 或 MUSTER_FIELD_KEYS）格式有誤，請還原正確的內容。",
            "The field keys (.local/keys/field.json or MUSTER_FIELD_KEYS) are malformed: restore the right ones.",
        ) from None
    for service, address in urls.items():
        connection = await asyncpg.connect(plain(address.owner))
        try:
            known = await connection.fetchval("SELECT to_regclass('public.field_key_probe') IS NOT NULL")
            probes = await connection.fetch("SELECT probe FROM public.field_key_probe") if known else []
        finally:
            await connection.close()
        try:
            for row in probes:
                ring.decrypt(row["probe"], "field_key_probe.probe")
        except crypto.FieldKeyError:
            raise StartError(
                f"現有欄位金鑰無法解開 {service} 資料庫的資料。請還原原有的金鑰（.local/keys/field.json 或 "
                "MUSTER_FIELD_KEYS）；資料未變更。",
                f"The field keys do not open what the {service} database holds. Restore the keys it was written with "
                "(.local/keys/field.json or MUSTER_FIELD_KEYS); nothing was changed.",
            ) from None


def _random_key() -> str:
    return base64.b64encode(os.urandom(32)).decode("ascii")
