"""Whose rows a caller sees, by the kind of its organisation (contract: another organisation's thing is not there)."""

import pytest
from sqlalchemy import Column, MetaData, Table, Text, select

from rdss_fee.tenancy import own, sees_all
from shared.principals import Org, Principal

NOTICE = Table("notice", MetaData(), Column("employer_code", Text))


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("programme_office", ""),
        ("authority", ""),
        ("moi", ""),
        ("employer", "WHERE notice.employer_code = '63000030'"),
        # A township's code has eight digits as well; a kind that nobody thought of sees nothing.
        ("township", "WHERE false"),
        ("county", "WHERE false"),
        ("school", "WHERE false"),
        ("", "WHERE false"),
    ],
)
def test_whose_rows(kind: str, where: str):
    caller = Principal("x", frozenset(), Org(kind, "63000030"), frozenset(), "pwd", "", False)
    query = select(NOTICE).where(*own(caller, NOTICE.c.employer_code))
    said = str(query.compile(compile_kwargs={"literal_binds": True}))
    assert said.partition("FROM notice")[2].strip() == where
    assert sees_all(caller) is (where == "")
