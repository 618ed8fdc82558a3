"""The people, machine clients and organisations a local suite starts with.

Passwords and client secrets are random per checkout and kept across restarts in `.local/accounts.json` (mode
0600); a name added to the tables here gets one at the next start. identity keeps only their hashes.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Organisation:
    """An organisation as tokens name it, with its Chinese and English name."""

    type: str
    code: str
    name: str
    name_en: str

    @property
    def key(self) -> str:
        return f"{self.type}:{self.code}"


@dataclass(frozen=True)
class Person:
    """A demonstration account; `roles[0]` is the one that `accounts.json` shows as `role`."""

    name: str
    roles: tuple[str, ...]
    org: str
    display_name: str
    system_mail: bool = True

    @property
    def email(self) -> str:
        return f"{self.name}@example.test"


@dataclass(frozen=True)
class Machine:
    """A client that logs in with client credentials."""

    name: str
    role: str
    org: str


# School codes and names: the Ministry's own list (data/moe_universities_u1_new.csv); the senior high school's is
# that of the Ministry's list of senior high schools. Business numbers are made up, with a valid check digit.
ORGANISATIONS = (
    Organisation("school", "0003", "國立臺灣大學", "National Taiwan University"),
    Organisation("school", "0025", "國立臺北科技大學", "National Taipei University of Technology"),
    Organisation("school", "353301", "臺北市立建國高級中學", "Taipei Municipal Jianguo High School"),
    Organisation("county", "63000", "臺北市政府", "Taipei City Government"),
    Organisation("county", "65000", "新北市政府", "New Taipei City Government"),
    Organisation("township", "63000030", "臺北市大安區公所", "Da'an District Office, Taipei City"),
    Organisation("education_authority", "63000", "臺北市政府教育局", "Department of Education, Taipei City Government"),
    Organisation("judicial_authority", "TPD", "臺灣臺北地方法院", "Taiwan Taipei District Court"),
    Organisation("employer", "99000002", "甲示範科技股份有限公司", "Demonstration Technology A Co., Ltd."),
    Organisation("employer", "99000018", "乙示範生技股份有限公司", "Demonstration Biotechnology B Co., Ltd."),
    Organisation("employer", "99000024", "丙示範電子股份有限公司", "Demonstration Electronics C Co., Ltd."),
    Organisation("programme_office", "rdss", "研發替代役專案辦公室", "R&D Substitute Service Programme Office"),
    Organisation("authority", "nca", "內政部役政署", "National Conscription Agency"),
    Organisation("reserve_command", "63000", "臺北市後備指揮部", "Taipei City Reserve Command"),
    Organisation("moi", "moi", "內政部", "Ministry of the Interior"),
    Organisation("service", "identity", "帳號服務", "Identity service"),
    Organisation("service", "notify", "通知服務", "Notification service"),
    Organisation("service", "rdss-fee", "研究發展費服務", "R&D fee service"),
    Organisation("service", "roster", "名冊服務", "Roster service"),
)

PEOPLE = (
    Person("school_ntu", ("school",), "school:0003", "臺大兵役承辦人"),
    Person("school_other", ("school",), "school:0025", "北科大兵役承辦人"),
    Person("school_senior_high", ("school",), "school:353301", "建中兵役承辦人"),
    Person("county_taipei_officer", ("case_officer",), "county:63000", "臺北市承辦人"),
    Person("county_taipei_approver", ("approver",), "county:63000", "臺北市主管一"),
    Person("county_taipei_approver_2", ("approver",), "county:63000", "臺北市主管二", system_mail=False),
    Person("county_taipei_deputy", ("case_officer", "approver"), "county:63000", "臺北市代理主管"),
    Person("county_newtaipei_officer", ("case_officer",), "county:65000", "新北市承辦人"),
    Person("county_newtaipei_approver", ("approver",), "county:65000", "新北市主管"),
    Person("township", ("township",), "township:63000030", "大安區公所承辦人"),
    Person("education_authority", ("education_authority",), "education_authority:63000", "教育局承辦人"),
    Person("judicial_authority", ("judicial_authority",), "judicial_authority:TPD", "法院承辦人"),
    Person("employer_a", ("employer",), "employer:99000002", "甲公司承辦人"),
    Person("employer_a_department", ("employer_department",), "employer:99000002", "甲公司研發部門承辦人"),
    Person("employer_b", ("employer",), "employer:99000018", "乙公司承辦人"),
    Person("employer_c", ("employer",), "employer:99000024", "丙公司承辦人"),
    Person("programme_office", ("programme_office",), "programme_office:rdss", "專案辦公室承辦人"),
    Person("authority_finance", ("authority_finance",), "authority:nca", "役政署財務人員"),
    Person("authority_finance_2", ("authority_finance",), "authority:nca", "役政署財務主管"),
    Person("personnel_office", ("personnel_office",), "school:353301", "建中人事室"),
    Person("teacher", ("teacher",), "school:353301", "建中教師"),
    Person("reserve_officer", ("reserve_officer",), "reserve_command:63000", "後備指揮部承辦人"),
    Person("reserve_commander", ("reserve_commander",), "reserve_command:63000", "後備指揮部指揮官"),
    Person("admin", ("admin",), "moi:moi", "系統管理員"),
    Person("auditor", ("auditor",), "moi:moi", "稽核人員"),
)

MACHINES = (
    Machine("feed", "feed", "moi:moi"),
    Machine("sis_ntu", "school", "school:0003"),
)

SERVICE_CLIENTS = tuple(
    Machine(f"svc_{name.replace('-', '_')}", "service", f"service:{name}")
    for name in ("identity", "notify", "rdss-fee", "roster")
)


def complete(known: Mapping[str, Any]) -> dict[str, Any]:
    """`accounts.json` with what is missing added and every secret that is known kept."""
    accounts: dict[str, Any] = dict(known)
    for person in PEOPLE:
        kept = known.get(person.name, {})
        accounts[person.name] = {
            "username": person.name,
            "password": kept.get("password") or secrets.token_urlsafe(15),
            "role": person.roles[0],
            "roles": list(person.roles),
            "org": person.org,
            "email": person.email,
        }
    for machine in MACHINES:
        kept = known.get(machine.name, {})
        accounts[machine.name] = {
            "client_id": machine.name,
            "client_secret": kept.get("client_secret") or secrets.token_urlsafe(32),
            "role": machine.role,
            "org": machine.org,
        }
    return accounts


def seed(accounts: Mapping[str, Any], service_secrets: Mapping[str, str]) -> dict[str, Any]:
    """What `python -m identity.seed` reads from standard input."""
    machines = [(m, accounts[m.name]["client_secret"]) for m in MACHINES]
    machines += [(m, service_secrets[m.name]) for m in SERVICE_CLIENTS]
    return {
        "organisations": [
            {"type": o.type, "code": o.code, "name": o.name, "name_en": o.name_en} for o in ORGANISATIONS
        ],
        "accounts": [
            {
                "name": p.name,
                "username": p.name,
                "password": accounts[p.name]["password"],
                "roles": list(p.roles),
                "org": _org(p.org),
                "display_name": p.display_name,
                "email": p.email,
                "system_mail": p.system_mail,
                "must_change_password": False,
            }
            for p in PEOPLE
        ],
        "clients": [
            {
                "name": m.name,
                "client_id": m.name,
                "client_secret": secret,
                "roles": [m.role],
                "org": _org(m.org),
            }
            for m, secret in machines
        ],
    }


def _org(key: str) -> dict[str, str]:
    kind, _, code = key.partition(":")
    return {"type": kind, "code": code}
