"""The keys of encrypted columns in local mode: `.local/keys/field.json`, or `MUSTER_FIELD_KEYS`."""

import base64
import os
from pathlib import Path

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


def _random_key() -> str:
    return base64.b64encode(os.urandom(32)).decode("ascii")
