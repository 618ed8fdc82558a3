"""The table: what has a row passes, all else is closed."""

import pytest

from gateway.policy import ANY_ROLE, ANYONE, ROWS, MethodClosedError, NoRowError, Policy, Row

TABLE = Policy(
    [
        Row("GET POST", "/roster/v1/rosters", ANY_ROLE, body=5),
        Row("GET", "/roster/v1/rosters/{roster_id}", ANY_ROLE),
        Row("PUT", "/roster/v1/rosters/mine", ANY_ROLE),
        Row("POST", "/roster/v1/rosters/{roster_id}/open", ANY_ROLE),
        Row("GET", "/roster/v1/rosters/mine/entries", ANY_ROLE),
        Row("PUT", "/roster/v1/terms/{academic_year}/{term}", ANY_ROLE),
    ]
)

FOUND = [
    ("GET", "/roster/v1/rosters", "/roster/v1/rosters"),
    ("POST", "/roster/v1/rosters", "/roster/v1/rosters"),
    ("GET", "/roster/v1/rosters/42", "/roster/v1/rosters/{roster_id}"),
    ("PUT", "/roster/v1/rosters/mine", "/roster/v1/rosters/mine"),
    ("POST", "/roster/v1/rosters/42/open", "/roster/v1/rosters/{roster_id}/open"),
    ("POST", "/roster/v1/rosters/mine/open", "/roster/v1/rosters/{roster_id}/open"),
    ("GET", "/roster/v1/rosters/mine/entries", "/roster/v1/rosters/mine/entries"),
    ("PUT", "/roster/v1/terms/113/1", "/roster/v1/terms/{academic_year}/{term}"),
    ("GET", "/roster/v1/rosters/{roster_id}".replace("{roster_id}", "a" * 128), "/roster/v1/rosters/{roster_id}"),
]


@pytest.mark.rule("GW-01")
@pytest.mark.parametrize("method, path, template", FOUND)
def test_rows_are_found(method: str, path: str, template: str) -> None:
    route = TABLE.find(method, path)
    assert (route.method, route.row.template) == (method, template)
    assert route.row.upstream == "roster"


@pytest.mark.rule("GW-01")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/roster",
        "/roster/v1",
        "/roster/v1/",
        "/roster/v1/rosters/",
        "/roster/v1/rosters/42/",
        "/roster/v1/rosters/42/close",
        "/roster/v1/rosters/42/open/again",
        "/roster/v1/rosters//open",
        "/roster/v2/rosters",
        "/Roster/v1/rosters",
        "/roster/v1/Rosters",
        "/internal/v1/events",
        "/roster/internal/v1/events",
        "/roster/v1/terms/113",
        "/roster/v1/rosters/" + "a" * 129,
    ],
)
def test_without_a_row_it_is_closed(path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        with pytest.raises(NoRowError):
            TABLE.find(method, path)


@pytest.mark.rule("GW-01")
def test_other_methods_are_closed_and_the_open_ones_named() -> None:
    for method in ("DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", ""):
        with pytest.raises(MethodClosedError) as closed:
            TABLE.find(method, "/roster/v1/rosters")
        assert closed.value.allowed == ("GET", "POST")


def test_methods_without_a_body_may_carry_none() -> None:
    assert TABLE.find("GET", "/roster/v1/rosters").body == 0
    assert TABLE.find("POST", "/roster/v1/rosters").body == 5


@pytest.mark.parametrize(
    "rows",
    [
        [Row("GET", "/roster/v1/a", ANY_ROLE), Row("GET POST", "/roster/v1/a", ANY_ROLE)],
        [Row("GET", "/roster/v1/{a}", ANY_ROLE), Row("GET", "/roster/v1/{b}", ANY_ROLE)],
        [Row("GET", "/billing/v1/a", ANY_ROLE)],
        [Row("GET", "/roster/v2/a", ANY_ROLE)],
        [Row("GET", "/roster", ANY_ROLE)],
        [Row("GET", "/roster/internal/v1", ANY_ROLE)],
        [Row("GET", "roster/v1/a", ANY_ROLE)],
        [Row("GET", "/roster/v1/a/", ANY_ROLE)],
        [Row("GET", "/roster/v1/a b", ANY_ROLE)],
        [Row("GET", "/roster/v1/x{a}", ANY_ROLE)],
        [Row("HEAD", "/roster/v1/a", ANY_ROLE)],
        [Row("", "/roster/v1/a", ANY_ROLE)],
        [Row("GET", "/roster/v1/a", frozenset())],
        [Row("GET", "/roster/v1/a", frozenset({"root"}))],
        [Row("GET", "/roster/v1/a", ANY_ROLE, timeout=0)],
        [Row("GET", "/roster/v1/a", ANY_ROLE, body=-1)],
    ],
)
def test_tables_that_cannot_be_meant(rows: list[Row]) -> None:
    with pytest.raises(ValueError):
        Policy(rows)


@pytest.mark.rule("GW-01")
def test_the_real_table_stands() -> None:
    policy = Policy(ROWS)
    assert {row.upstream for row in policy.rows} == {"identity", "notify", "rdss-fee", "roster"}
    for row in ROWS:
        assert "internal" not in row.template
        assert "national_id" not in row.template
    anonymous = {row.template for row in ROWS if row.roles is ANYONE}
    assert anonymous == {
        "/identity/v1/sessions",
        "/identity/v1/token",
        "/identity/v1/.well-known/jwks.json",
    }, "a route without a token is a decision: name it here"
