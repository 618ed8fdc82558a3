"""Whose rows a caller may see: the first filter of what is read, with row-level security behind it."""

from typing import Any, Final

from sqlalchemy import ColumnElement, SQLColumnExpression

from shared.principals import Principal

OFFICES: Final = frozenset({"programme_office", "authority", "moi"})


def own(caller: Principal, employer_code: SQLColumnExpression[Any]) -> tuple[ColumnElement[bool], ...]:
    """An employer sees its own, the offices and who looks after the system all. `employer_code`: whose a row is."""
    return () if caller.org.type in OFFICES else (employer_code == caller.org.code,)
