"""Encrypted columns: what opens, what does not, and what a start finds out."""

import base64
import json
import os

import pytest
from sqlalchemy import Column, MetaData, Table, Text, insert, select, text
from sqlalchemy.exc import StatementError

from shared import crypto
from shared.crypto import NONCE, Encrypted, FieldKeyError, KeyRing, check_keys, load
from shared.db import Context
from tests.shared.probe import PLANTED, owner, probing
from tests.support.services import FIELD_KEYS

SYSTEM = Context.system("notify")


def ring(active: str = "a", *ids: str, index: bytes = b"i" * 32) -> KeyRing:
    return KeyRing(active, {key_id: key_id.encode().ljust(32, b".") for key_id in (active, *ids)}, index)


@pytest.fixture
def installed():
    """Put the test process's own ring back afterwards."""
    yield crypto.install
    crypto.install(KeyRing.parse(FIELD_KEYS))


@pytest.mark.parametrize("value", [b"", b"x", PLANTED.encode(), "𡘙".encode(), b"\x00" * 5_000])
def test_what_was_sealed_opens_in_its_place(value):
    keys = ring()
    sealed = keys.encrypt(value, "entry.national_id")
    assert keys.decrypt(sealed, "entry.national_id") == value
    assert len(value) < 3 or value not in sealed


def test_a_value_carried_to_another_column_does_not_open():
    sealed = ring().encrypt(b"x", "entry.national_id")
    with pytest.raises(FieldKeyError, match=r"entry\.name"):
        ring().decrypt(sealed, "entry.name")


def test_old_values_open_after_a_rotation_and_new_ones_take_the_new_key():
    old = ring("k1").encrypt(b"x", "c")
    rotated = ring("k2", "k1")
    assert rotated.decrypt(old, "c") == b"x"
    new = rotated.encrypt(b"x", "c")
    with pytest.raises(FieldKeyError, match="not in the ring"):
        ring("k1").decrypt(new, "c")
    with pytest.raises(FieldKeyError, match="not in the ring"):
        ring("k2").decrypt(old, "c")


def test_another_key_of_the_same_id_does_not_open():
    other = KeyRing("a", {"a": os.urandom(32)}, b"i" * 32)
    with pytest.raises(FieldKeyError, match="does not open"):
        other.decrypt(ring().encrypt(b"x", "c"), "c")


def test_no_two_nonces_are_equal():
    keys = ring()
    sealed = [keys.encrypt(b"same", "c") for _ in range(2_000)]
    assert len({s[2 : 2 + NONCE] for s in sealed}) == len(set(sealed)) == 2_000


def test_anything_damaged_is_refused_as_such():
    """Cut at every length, and every byte changed: `FieldKeyError`, never another error, never a value."""
    keys = ring()
    whole = keys.encrypt(b"value", "c")
    for damaged in (
        *(whole[:n] for n in range(len(whole))),
        *(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))),
        whole + b"\x00",
        b"\xff",
        bytes([200]) + whole,
    ):
        with pytest.raises(FieldKeyError):
            keys.decrypt(damaged, "c")


def test_blind_indexes_find_equals_within_their_domain_only():
    keys = ring()
    assert keys.blind_index(PLANTED) == keys.blind_index(PLANTED)
    assert len(keys.blind_index(PLANTED)) == 16
    others = {
        keys.blind_index("A123456798"),
        keys.blind_index(PLANTED, "student_no"),
        ring(index=b"j" * 32).blind_index(PLANTED),
        keys.derive("national_id")[:16],
        keys.derive(PLANTED)[:16],
    }
    assert keys.blind_index(PLANTED) not in others
    assert len(others) == 5


def test_derived_keys_differ_by_purpose_and_by_ring():
    assert len({ring().derive("a"), ring().derive("b"), ring(index=b"j" * 32).derive("a"), ring().index}) == 4


B64 = base64.b64encode(b"k" * 32).decode()
SHORT = base64.b64encode(b"k" * 31).decode()


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        "null",
        '"k1"',
        json.dumps({"active": "k2", "keys": {"k1": B64}, "index": B64}),
        json.dumps({"active": "k1", "keys": {"k1": SHORT}, "index": B64}),
        json.dumps({"active": "k1", "keys": {"k1": B64}, "index": SHORT}),
        json.dumps({"active": "k1", "keys": {"k1": "not base64 !"}, "index": B64}),
        json.dumps({"active": "k1", "keys": {"k1": 5}, "index": B64}),
        json.dumps({"active": "k1", "keys": [B64], "index": B64}),
        json.dumps({"active": ["k1"], "keys": {"k1": B64}, "index": B64}),
        json.dumps({"active": "k1", "keys": {"k1": B64, "": B64}, "index": B64}),
        json.dumps({"active": "金", "keys": {"金": B64}, "index": B64}),
        json.dumps({"active": "k" * 300, "keys": {"k" * 300: B64}, "index": B64}),
    ],
)
def test_unusable_keys_are_refused_without_showing_them(document):
    with pytest.raises(FieldKeyError) as refused:
        KeyRing.parse(document)
    assert B64 not in str(refused.value)
    assert SHORT not in str(refused.value)


def test_a_ring_does_not_show_its_keys():
    keys = ring()
    assert "a..." not in repr(keys)
    assert "iiii" not in repr(keys)


def test_keys_come_from_the_setting_or_from_the_folder(tmp_path):
    document = json.dumps({"active": "k1", "keys": {"k1": B64}, "index": B64})
    (tmp_path / "field.json").write_text(document)
    assert load(document, "").active == load("", str(tmp_path)).active == "k1"
    (tmp_path / "field.json").write_bytes(b"\xff")
    with pytest.raises(FieldKeyError, match="cannot be read"):
        load("", str(tmp_path))
    for directory in ("", str(tmp_path / "missing")):
        with pytest.raises(FieldKeyError, match="MUSTER_FIELD_KEYS"):
            load("", directory)


async def test_an_encrypted_column_is_unreadable_in_the_table_and_read_through_it(quiet):
    table = Table("effect", MetaData(), Column("what", Text), Column("secret", Encrypted("effect.secret")))
    async with quiet.database.transaction(SYSTEM) as session:
        await session.execute(
            insert(table), [{"what": PLANTED[:3], "secret": PLANTED}, {"what": "none", "secret": None}]
        )
        assert set((await session.execute(select(table.c.secret))).scalars()) == {PLANTED, None}
        plain = (await session.execute(text("SELECT secret FROM effect WHERE secret IS NOT NULL"))).scalar_one()
    assert PLANTED.encode() not in plain
    # The same bytes under another column's name do not open.
    elsewhere = Table("effect", MetaData(), Column("secret", Encrypted("effect.other")))
    async with quiet.database.transaction(SYSTEM) as session:
        with pytest.raises((FieldKeyError, StatementError)):
            (await session.execute(select(elsewhere.c.secret))).scalars().all()


async def start(probe, keys: KeyRing) -> None:
    crypto.install(keys)
    async with probe.database.transaction(SYSTEM) as session:
        await check_keys(session)


async def test_a_start_finds_out_about_missing_and_exchanged_keys(probe, installed):
    await owner(probe.urls, "ALTER TABLE field_key_probe DISABLE TRIGGER ALL", "DELETE FROM field_key_probe")
    await start(probe, ring("k1"))
    await start(probe, ring("k1"))
    await start(probe, ring("k2", "k1"))
    await start(probe, ring("k1", "k2"))
    rows = await owner(probe.urls, "SELECT key_id FROM field_key_probe ORDER BY 1")
    assert [row["key_id"] for row in rows] == [":index", "k1", "k2"]
    wrong = {
        "an old key is gone": ring("k2"),
        "the newest key is gone": ring("k1"),
        "another key of the same id": KeyRing("k2", {"k2": os.urandom(32), "k1": b"k1".ljust(32, b".")}, b"i" * 32),
        "another index key": ring("k2", "k1", index=b"j" * 32),
    }
    for keys in wrong.values():
        with pytest.raises(FieldKeyError):
            await start(probe, keys)
    await start(probe, ring("k2", "k1"))


async def test_a_service_does_not_start_with_keys_that_do_not_open_its_rows(probe_urls):
    async with probing(probe_urls):
        pass
    other = json.dumps({"active": "t1", "keys": {"t1": B64}, "index": B64})
    try:
        with pytest.raises(FieldKeyError):
            async with probing(probe_urls, field_keys=other):
                pytest.fail("it started")
    finally:
        crypto.install(KeyRing.parse(FIELD_KEYS))
