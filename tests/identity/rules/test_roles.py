"""Which roles fit which organisation and holder (ID-03)."""

import pytest

from identity.organisations.rules import HOMES, MACHINES_ONLY, MACHINES_TOO, Holder, misfits
from shared.tokens import ORG_TYPES, ROLES


@pytest.mark.rule("ID-03")
def test_every_role_has_a_home_and_every_home_exists():
    assert set(HOMES) == ROLES
    assert set(HOMES.values()) <= ORG_TYPES
    assert ROLES >= MACHINES_ONLY | MACHINES_TOO


@pytest.mark.rule("ID-03")
@pytest.mark.parametrize(
    ("roles", "org_type", "holder", "codes"),
    [
        (["case_officer"], "county", Holder.PERSON, []),
        (["case_officer", "approver"], "county", Holder.PERSON, []),  # the deputy of contract.md
        (["personnel_office", "teacher"], "school", Holder.PERSON, []),
        (["school"], "school", Holder.MACHINE, []),  # a student information system
        (["feed"], "moi", Holder.MACHINE, []),
        (["service"], "service", Holder.MACHINE, []),
        (["approver"], "school", Holder.PERSON, ["role_not_of_organisation"]),
        (["admin"], "county", Holder.PERSON, ["role_not_of_organisation"]),
        (["service"], "service", Holder.PERSON, ["role_for_machines"]),
        (["feed"], "moi", Holder.PERSON, ["role_for_machines"]),
        (["approver"], "county", Holder.MACHINE, ["role_for_people"]),  # deciding is done by people
        (["admin"], "moi", Holder.MACHINE, ["role_for_people"]),
        (["auditor"], "moi", Holder.PERSON, []),
        (["auditor", "admin"], "moi", Holder.PERSON, ["auditor_alone"]),
        (["root"], "moi", Holder.PERSON, ["role_unknown"]),
        (["school", "school"], "school", Holder.PERSON, ["role_repeated"]),
        (["approver", "feed"], "school", Holder.PERSON, ["role_not_of_organisation"] * 2 + ["role_for_machines"]),
    ],
)
def test_misfits(roles, org_type, holder, codes):
    assert [m.code for m in misfits(roles, org_type, holder)] == codes
