"""docs/screens.md is what the services do: its pages' requests are sent in their order to a running suite."""

import itertools
import json
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.policy import ROWS, Policy
from local.demo.client import until
from local.demo.days import Days, plan
from local.demo.files import api_csv, table
from local.demo.people import Maker, Man, national_id
from local.stack import Stack
from roster.hints.hint import Severity
from roster.intake.rules import CessationReason, Division, Level, RosterKind
from roster.review.rules import Ground
from roster.review.states import BatchState, Decision, EntryState, RosterState
from roster.words import word
from shared import clock
from tests.support.openapi_doc import FOLDER
from tests.support.rosters import SCHOOLS
from tests.support.screens import DOCS, FIRST, PATIENCE, Browser, Drift, Step, codes_of, holds, judge, pages, read
from tests.support.suite import Caller, put

pytestmark = [pytest.mark.xdist_group("suite"), pytest.mark.timeout(300)]

PAGES = pages()
COUNTY, OTHER_COUNTY, OTHER_TOWNSHIP = "65000", "63000", "63000030"
SCHOOL, CSV = "0025", {"Content-Type": "text/csv"}
PEOPLE = {
    "school": "school_other",
    "approver": "county_newtaipei_approver",
    "elsewhere": "county_taipei_officer",
    "officer": "county_newtaipei_officer",
}
# A browser has nothing before the officer has logged in; the others' log-ins are as his.
WITHOUT_TOKEN = "officer"
_SERIALS = itertools.count(1)


class Stage:
    """The suite with schools, a term and everybody's tokens; `browser` begins the story with men of its own."""

    def __init__(self, suite: Stack, days: Days) -> None:
        self.suite = suite
        self.days = days
        self.people: dict[str, Caller] = {}

    async def prepare(self) -> None:
        """What stands before the first page is opened."""
        for who, name in {**PEOPLE, "admin": "admin", "before": "sis_ntu", "nobody": ""}.items():
            caller = Caller(self.suite)
            self.people[who] = await caller.log_in(name) if name else caller
        taken = await self.people["admin"].send(
            "POST", "/roster/v1/schools/imports", content=SCHOOLS.encode(), headers=CSV
        )
        assert taken.status_code == 200, taken.text

    async def close(self) -> None:
        """Everybody leaves."""
        for caller in self.people.values():
            await caller.close()

    async def browser(self) -> Browser:
        """A browser with the names that the document does not keep itself."""
        serial = next(_SERIALS)
        make = Maker(f"screens {serial} {uuid.uuid4()}", self.days)
        men = _men(make)
        await put(f"{self.suite.registry_url}/v1/draftees", [man.draftee() for man in men])
        newcomer = await self._newcomer(serial)
        tokens = {
            who: self.people[who].http.headers["Authorization"].removeprefix("Bearer ")
            for who in PEOPLE
            if who != WITHOUT_TOKEN
        }
        account = self.suite.accounts[PEOPLE["officer"]]
        names = {
            "officer_name": account["username"],
            "officer_password": account["password"],
            "newcomer_name": newcomer["username"],
            "newcomer_password": newcomer["initial_password"],
            "new_password": f"a long new password {uuid.uuid4().hex}",
            "academic_year": self.days.term.academic_year,
            "term": self.days.term.number,
            "registration_deadline": self.days.term.registration_deadline,
            "today": self.days.today,
            "school": SCHOOL,
            "county": COUNTY,
            "other_county": OTHER_COUNTY,
            "other_township": OTHER_TOWNSHIP,
            "part_of_school_name": "臺北科技",
            "national_id": men[3].national_id,
            "serial": f"{self.days.term.academic_year}{serial:07d}",
            **_files(men, make),
        }
        names["earlier_roster"] = await self._decided_before(men[0])
        return Browser(self.people["nobody"].http, names, tokens)

    async def _newcomer(self, serial: int) -> dict[str, Any]:
        body = {
            "username": f"newcomer.{serial}.{uuid.uuid4().hex[:8]}",
            "org": {"type": "county", "code": COUNTY},
            "roles": ["case_officer"],
            "display_name": "陳美玲",
            "email": "newcomer@example.test",
        }
        made = await self.people["admin"].send("POST", "/identity/v1/accounts", json=body)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    async def _decided_before(self, man: Man) -> str:
        """A man deferred at another school, so that there is a latest deferment to be shown."""
        before, officer, approver = (self.people[who] for who in ("before", "officer", "approver"))
        deadline = {"registration_deadline": self.days.term.registration_deadline.isoformat()}
        await self.people["admin"].send("PUT", f"/roster/v1/terms/{self.days.term.path}", json=deadline)
        path = f"/roster/v1/submissions?kind=application&{self.days.term.query}"
        posted = await before.send("POST", path, content=api_csv(table([man])), headers=CSV)
        assert posted.status_code == 201, posted.text
        roster: str = posted.json()["rosters"][0]["id"]
        await officer.send("POST", f"/roster/v1/rosters/{roster}/open")

        async def answered() -> dict[str, Any] | None:
            (found,) = (await officer.get(f"/roster/v1/rosters/{roster}/entries"))["items"]
            return found if found["registry"] is not None else None

        # What other tests have posted may stand before him in the worker's line.
        entry = await until("the registry's answer", answered, PATIENCE)
        await officer.send("PATCH", f"/roster/v1/entries/{entry['id']}", json={"decision": "approved"},
                           seen=entry["version"])  # fmt: skip
        seen = (await officer.get(f"/roster/v1/rosters/{roster}"))["revision"]
        batch = (await officer.send("POST", f"/roster/v1/rosters/{roster}/batches", json={}, seen=seen)).json()
        decided = await approver.send("POST", f"/roster/v1/batches/{batch['id']}/decide", seen=batch["version"])
        assert decided.status_code == 200, decided.text
        return roster


def _men(make: Maker) -> list[Man]:
    """Rows 2 to 7 of the file: deferred elsewhere, too old, compatriot, clean, moved away, of the other county."""
    autumn = make.days.first_autumn
    old = {"level": "doctoral", "class_year": 3, "enrolled_on": clock.today().replace(autumn - 2, 8, 1)}
    moved = {"household_county_code": OTHER_COUNTY, "household_township_code": OTHER_TOWNSHIP}
    return [
        make.man(COUNTY),
        make.man(COUNTY, 34, expected_graduation_on=clock.today().replace(autumn + 2, 6, 30), **old),
        make.man(COUNTY, registry={"overseas_compatriot": True}),
        make.man(COUNTY),
        make.man(COUNTY, registry=moved),
        make.man(OTHER_COUNTY),
    ]


def _files(men: list[Man], make: Maker) -> dict[str, bytes]:
    faulty = [
        replace(men[0]),
        replace(men[1], national_id=national_id(make.rng, right=False)),
        replace(men[2], name=""),
    ]
    corrected = [*men[:3], replace(men[3], department="更正學系"), men[4]]
    listed = {"file": men, "faulty_file": faulty, "corrected_file": corrected}
    return {name: api_csv(table(rows)) for name, rows in listed.items()}


@pytest.fixture(scope="module")
async def stage(suite: Stack) -> AsyncIterator[Stage]:
    """Where the story is told."""
    made = Stage(suite, plan(clock.today()))
    try:
        await made.prepare()
        yield made
    finally:
        await made.close()


@pytest.fixture(scope="module")
async def told(stage: Stage) -> Browser:
    """The whole document, sent."""
    browser = await stage.browser()
    await browser.go(read(PAGES))
    return browser


async def test_every_page_sends_and_is_answered_what_the_document_says(told: Browser) -> None:
    assert {f"screens/{page.name}" for page in (DOCS / "screens").iterdir()} == PAGES.keys() - {FIRST}
    steps = read(PAGES)
    assert len(told.answers) == len(steps) > 70
    assert {step.who for step in steps} == {*PEOPLE, "newcomer", "nobody"}
    assert {step.status for step in steps} >= {200, 201, 204, 400, 401, 403, 404, 406, 409, 412, 422, 428}


# Something the document could say wrongly about an answer, and what the test says then.
WRONG_ANSWERS = [
    (
        "`items[].headcount`, `items[].received_on`, `items[].days_waiting`",
        "`items[].uploads`",
        "items[].uploads is not",
    ),
    ("> **201** · shows `state=for_approval`", "> **200** · shows `state=for_approval`", "201, not 200"),
    ("**409** `batch_closed`", "**409** `entry_state`", "the code is batch_closed"),
    ("shows `state=decided`, `approved=1`", "shows `state=decided`, `approved=2`", "approved=2 does not hold"),
    ("columns `姓名`, `准駁`", "columns `姓名`, `是否核准`", "no columns ['是否核准']"),
    ("carries `Idempotent-Replayed`", "carries `Last-Modified`", "carries no Last-Modified"),
    ("`items[].latest_deferment.active=true`", "`items[].latest_deferment.active!=true`", "active!=true does not hold"),
]


def planted(right: str, wrong: str) -> tuple[str, dict[str, str]]:
    """All pages, with the first `right` of them gone wrong, and the name of the page it stood on."""
    (name, *_) = [name for name, text in PAGES.items() if right in text]
    return name, PAGES | {name: PAGES[name].replace(right, wrong, 1)}


@pytest.mark.parametrize(("right", "wrong", "named"), WRONG_ANSWERS)
async def test_control_a_wrong_word_about_an_answer_is_found(told: Browser, right: str, wrong: str, named: str) -> None:
    page, texts = planted(right, wrong)
    line = PAGES[page][: PAGES[page].index(right)].count("\n") + 1
    found = []
    for step, (sound, answer) in zip(read(texts), told.answers, strict=True):
        try:
            judge(replace(step.filled(told.names), path=sound.path), answer)
        except Drift as drift:
            found.append((str(drift), step))
    assert [named in said for said, _ in found] == [True], found
    (step,) = [step for _, step in found]
    assert step.file == page
    assert abs(line - step.line) < 15


# Something the document could send wrongly, in the first pages, and what the test says then.
WRONG_REQUESTS = [
    ("GET /identity/v1/me\n", "GET /identity/v1/myself\n", "404, not 200"),
    ("PUT /roster/v1/schools/{school}/contact", "POST /roster/v1/schools/{school}/contact", "405, not 200"),
    ('{"name": "王美玲", "phone"', '{"name": "王美玲", "telephone"', "422, not 200"),
    ("grant_type=refresh_token&refresh_token={refresh_token}", "grant_type=refresh_token", "400, not 200"),
    ("term={term}&dry_run=true\nContent-Type: text/csv\nIdempotency-Key: {key}\n\n{file}",
     "term={term}&dry_run=true\nContent-Type: text/csv\n\n{file}", "400, not 200"),
    ("`refresh_token` as `{refresh_token}`, `session_id`", "`session_id`", "nothing before keeps {refresh_token}"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "named"), WRONG_REQUESTS)
async def test_control_a_wrong_request_is_found(
    stage: Stage, told: Browser, right: str, wrong: str, named: str
) -> None:
    _, texts = planted(right, wrong)
    # Somebody whom wrong passwords have not locked out yet.
    names = told.names | {"newcomer_name": f"nobody.{uuid.uuid4().hex[:8]}"}
    again = Browser(told.http, names, {who: told.tokens[who] for who in PEOPLE if who != WITHOUT_TOKEN})
    del again.names["refresh_token"]
    # As far as the first file that is kept: no men of its own are needed for that.
    early = list(itertools.takewhile(lambda step: step.status != 201, read(texts)))
    with pytest.raises(Drift, match=named.replace("{", r"\{")) as caught:
        await again.go(early)
    assert str(caught.value).startswith("docs/screens")


def test_every_code_that_the_table_of_refusals_names_is_one_of_the_gateways() -> None:
    responses = json.loads((FOLDER / "gateway.json").read_text("utf-8"))["components"]["responses"]
    known = {(int(name.split(".")[0]), code) for name in responses for code in name.split(".")[1:]}
    named = set(codes_of(PAGES[FIRST]))
    assert len(named) > 15
    assert named - known == set()
    assert {step.code for step in read(PAGES)} - {None} <= {code for _, code in named}


WORDS = {
    "kind": RosterKind,
    "state of a roster": RosterState,
    "state of an entry, counts": EntryState,
    "state of a batch": BatchState,
    "decision": Decision,
    "ground": Ground,
    "severity": Severity,
    "level": Level,
    "division": Division,
    "cessation_reason": CessationReason,
}
# What no report prints has no word but the document's.
UNPRINTED = (BatchState, Ground, Severity)


def test_every_code_has_its_word_and_it_is_the_reports() -> None:
    table = PAGES[FIRST].partition("## Words for codes")[2]
    rows = {row[0].replace("`", ""): row[1] for row in re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", table, re.MULTILINE)}
    assert rows.keys() == WORDS.keys()
    for member, codes in WORDS.items():
        told = dict(re.findall(r"`([a-z_]+)` ([^`,]+)", rows[member]))
        assert told.keys() == {str(code) for code in codes}, member
        if codes not in UNPRINTED:
            assert told == {str(code): word(code) for code in codes}, member


def test_what_is_named_beside_the_flow_is_behind_the_gateway() -> None:
    table = PAGES[FIRST].partition("## Beside the seed's flow")[2].partition("\n## ")[0]
    named = [tuple(call.split(" ")) for call in re.findall(r"^\| `([A-Z]+ /[^`]+)` \|", table, re.MULTILINE)]
    assert len(named) > 5
    assert [call for call in named if call not in Policy(ROWS).operations] == []


def test_every_step_of_the_seed_has_its_page() -> None:
    for page in (
        "登入",
        "待處理名冊",
        "明細",
        "陳核",
        "退回",
        "核定",
        "撤回",
        "審核結果查詢",
        "產出報表",
        "個人帳號維護",
    ):
        assert page in "".join(PAGES.values())


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("items[].a", None),
        ("items[].a=1", None),
        ("items[].a=2", None),
        ("items[].a=3", "items[].a=3 does not hold"),
        ("items[a=2].b.c=x", None),
        ("items[b.c=x].a=2", None),
        ("items[a=1].b.c", "items[a=1].b.c is not"),
        ("items[].a!=3", None),
        ("items[].a!=1", "items[].a!=1 does not hold"),
        ("items[].z!=1", "items[].z is not"),
        ("gone=null", None),
    ],
)
def test_members_are_found_as_the_document_writes_them(said: str, wrong: str | None) -> None:
    answer = {"items": [{"a": 1, "b": None}, {"a": 2, "b": {"c": "x"}}], "gone": None}
    told = holds(answer, said)
    assert told is None if wrong is None else told is not None and told.startswith(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "```http officer\nGET /x\n```\n\nNothing is said.\n",
        "```http officer\nGET /x\n```\n\n> **200** · shwos `a`\n",
        "```http officer\nGET /x\n```\n\n> **200** · shows a\n",
    ],
)
def test_a_block_of_which_nothing_is_said_or_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Drift, match=r"docs/a\.md:2: GET /x"):
        read({"a.md": text})


def test_a_step_knows_its_place() -> None:
    (step,) = read({"a.md": "# A\n\n```http officer\nPOST /x?a={b}\nIf-Match: {e}\n\n{}\n```\n\n> **204**\n"})
    assert step == Step("a.md", 4, "officer", "POST", "/x?a={b}", {"If-Match": "{e}"}, "{}", status=204)
    filled = step.filled({"b": "臺 北", "e": '"1"'})
    assert (filled.path, filled.headers) == ("/x?a=%E8%87%BA%20%E5%8C%97", {"If-Match": '"1"'})
