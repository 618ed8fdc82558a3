"""Statements compiled once: their parameters by name, constants in their words."""

import pytest
from sqlalchemy import Integer, Text, bindparam, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB

from shared.db import Context, Database
from shared.statements import Statement, driver

SOMEBODY = Context("a", "county", "63000")


@pytest.fixture
async def database(probe_urls):
    found = Database(probe_urls.app, pool_size=1)
    yield found
    await found.close()


NUMBER = bindparam("number", type_=Integer)
PLAIN = Statement(select(NUMBER.label("n"), (NUMBER + 1).label("next"), bindparam("word", type_=Text).label("word")))


async def test_values_are_given_by_name_and_a_name_stands_for_one_value(database):
    assert sorted(PLAIN.parameters) == ["number", "word"]
    async with database.direct(SOMEBODY) as connection:
        (row,) = await PLAIN.rows(connection, number=4, word="it's $1")
    assert dict(row) == {"n": 4, "next": 5, "word": "it's $1"}


@pytest.mark.parametrize(
    "given", [{}, {"number": 1}, {"number": 1, "word": "x", "more": 2}, {"number": 1, "wrod": "x"}]
)
async def test_what_it_has_no_place_for_or_misses_is_our_mistake(database, given):
    async with database.direct(SOMEBODY) as connection:
        with pytest.raises(TypeError, match=r"parameters are \['number', 'word'\]"):
            await PLAIN.rows(connection, **given)


@pytest.mark.parametrize("constant", ["it's", 'a"b', "%s %% :x $1", "\\", "𡘙\n"])
async def test_constants_stand_in_its_words_and_mean_what_they_meant(database, constant):
    statement = Statement(select(literal(constant).label("told"), literal(7).label("n")))
    assert statement.parameters == ()
    async with database.direct(SOMEBODY) as connection:
        (row,) = await statement.rows(connection)
    assert (row["told"], row["n"]) == (constant, 7)


@pytest.mark.parametrize("value", [{"a": [1, None, "é"]}, [], "text", None])
async def test_json_goes_in_as_it_is(database, value):
    statement = Statement(
        select(func.coalesce(cast(bindparam("it", type_=JSONB), JSONB), cast(literal("0"), JSONB)).label("it"))
    )
    async with database.direct(SOMEBODY) as connection:
        (row,) = await statement.rows(connection, it=value)
    assert row["it"] == (0 if value is None else value)


@pytest.mark.parametrize(
    ("size", "lots"), [(3, [[1, 2, 3], [4, 5, 6], [7]]), (7, [[*range(1, 8)]]), (9, [[*range(1, 8)]])]
)
async def test_many_rows_come_in_lots(database, size, lots):
    statement = Statement(select(func.generate_series(1, NUMBER).label("n")))
    async with database.transaction(SOMEBODY) as session:
        given = [[row["n"] for row in lot] async for lot in statement.lots(await driver(session), size, number=7)]
        none = [lot async for lot in statement.lots(await driver(session), size, number=0)]
        with pytest.raises(TypeError, match=r"parameters are \['number'\]"):
            await anext(statement.lots(await driver(session), size))
    assert given == lots
    assert none == []


async def test_inside_a_session_it_sees_what_the_session_sees_and_ends_with_it(database):
    statement = Statement(select(func.current_setting("app.org_code").label("code")))
    async with database.transaction(SOMEBODY) as session:
        (row,) = await statement.rows(await driver(session))
    assert row["code"] == "63000"
