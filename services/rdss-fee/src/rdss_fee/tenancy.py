"""Whose rows a caller may see: the first filter of what is read, with row-level security behind it."""

from typing import Any, Final

from sqlalchemy import ColumnElement, SQLColumnExpression, false

from shared.principals import Principal

OFFICES: Final = frozenset({"programme_office", "authority", "moi"})


def sees_all(caller: Principal) -> bool:
    """Whether it is one of the offices, or who looks after the system."""
    return caller.org.type in OFFICES


def own(caller: Principal, employer_code: SQLColumnExpression[Any]) -> tuple[ColumnElement[bool], ...]:
    """An employer sees its own, who `sees_all` all, anybody else nothing. `employer_code`: whose a row is."""
    if sees_all(caller):
        return ()
    # Other organisations have codes of eight digits too.
    return (employer_code == caller.org.code if caller.org.type == "employer" else false(),)
