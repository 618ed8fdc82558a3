"""The tables that the code expects are the tables that the migration makes."""

import pytest

from identity.accounts.models import Account, AccountHolder, LogInFailure
from identity.clients.models import Client
from identity.organisations.models import Organisation
from identity.tokens.models import LogInSession, RefreshToken, StoredKey
from tests.identity.test_walls import TENANT_TABLES

MODELS = [Account, AccountHolder, LogInFailure, Client, Organisation, LogInSession, RefreshToken, StoredKey]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__tablename__)
async def test_columns_are_the_same(quiet_house, model):
    rows = await quiet_house.rows(
        "SELECT column_name, is_nullable = 'YES' AS nullable FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = $1",
        model.__tablename__,
    )
    made = {row["column_name"]: row["nullable"] for row in rows}
    expected = {column.name: column.nullable for column in model.__table__.columns}
    assert made == expected


async def test_every_table_but_the_shared_ones_is_behind_a_wall(quiet_house):
    rows = await quiet_house.rows("SELECT relname FROM pg_class WHERE relrowsecurity AND relkind = 'r'")
    assert {row["relname"] for row in rows} == {*TENANT_TABLES, "audit_entry", "audit_block"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET password_hash = 'plain'",
        "UPDATE account SET roles = '{}'",
        "UPDATE account SET username = 'Has Blanks'",
        "UPDATE account SET org_code = 'nowhere'",
        "UPDATE client SET client_id = gen_random_uuid()::text",
        "UPDATE client SET previous_until = now()",
        "UPDATE client SET secret_digest = 'short'",
        "UPDATE signing_key SET retired_at = now()",
        "UPDATE signing_key SET active_from = now()",
        "INSERT INTO log_in_failure VALUES ('x', 0, now(), NULL)",
    ],
)
async def test_the_database_refuses_it_too(quiet_house, statement):
    with pytest.raises(Exception, match="violates"):
        await quiet_house.rows(statement)
