"""Which roles fit which organisation, for people and for machines.

SOURCE: ../spec/identity.md ID-03; ../spec/roster.md and callup.md for who does what.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from shared.law import rule


class Holder(StrEnum):
    """Who holds a role: a person with an account, or a system with a client."""

    PERSON = "person"
    MACHINE = "machine"


HOMES: Mapping[str, str] = MappingProxyType(
    {
        "school": "school",
        "feed": "moi",
        "township": "township",
        "case_officer": "county",
        "approver": "county",
        "employer": "employer",
        "employer_department": "employer",
        "programme_office": "programme_office",
        "authority_finance": "authority",
        "personnel_office": "school",
        "teacher": "school",
        "reserve_officer": "reserve_command",
        "reserve_commander": "reserve_command",
        "education_authority": "education_authority",
        "judicial_authority": "judicial_authority",
        "registry": "registry",
        "rdss_serviceman": "employer",
        "admin": "moi",
        "auditor": "moi",
        "service": "service",
    }
)
"""The type of organisation in which a role is held."""

MACHINES_ONLY = frozenset({"feed", "registry", "service"})
# Systems hand in what their organisation knows; deciding, administering and auditing is done by people.
MACHINES_TOO = frozenset({"school", "employer", "education_authority", "judicial_authority"})


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why roles cannot be given: a stable code, the role, what to tell in zh-TW and English."""

    code: str
    role: str
    text: str
    text_en: str


@rule("ID-03")
def misfits(roles: Iterable[str], org_type: str, holder: Holder) -> list[Misfit]:
    """Every reason why these roles do not go together with that organisation and holder; empty when they do."""
    wanted = list(roles)
    found = []
    for role in wanted:
        home = HOMES.get(role)
        if home is None:
            found.append(Misfit("role_unknown", role, "沒有這個角色", "There is no such role"))
            continue
        if home != org_type:
            found.append(
                Misfit(
                    "role_not_of_organisation",
                    role,
                    f"此角色僅能授予 {home} 類機關單位",
                    f"This role is held in organisations of type {home}",
                )
            )
        if holder is Holder.PERSON and role in MACHINES_ONLY:
            found.append(
                Misfit("role_for_machines", role, "此角色僅供系統介接使用", "This role is for systems, not for people")
            )
        if holder is Holder.MACHINE and role not in MACHINES_ONLY | MACHINES_TOO:
            found.append(Misfit("role_for_people", role, "此角色僅能授予自然人", "This role is for people only"))
    if "auditor" in wanted and len(wanted) > 1:
        found.append(
            Misfit("auditor_alone", "auditor", "稽核角色不得兼任其他角色", "An auditor holds no other role beside it")
        )
    if len(set(wanted)) != len(wanted):
        found.append(Misfit("role_repeated", "", "角色重複", "A role is named twice"))
    return found
