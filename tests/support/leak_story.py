"""A school year in which everybody writes national IDs wherever they can, and much goes wrong.

Here they are planted through the gateway by what is refused or never kept: faulty files, addresses, headers,
searches, log-ins; `leak_mishaps` goes on with what is kept and with what breaks. Answers are kept in `Story.answers`.
"""

import base64
import json
from typing import Any
from urllib.parse import quote

import httpx

from local.demo.days import plan
from local.demo.files import FIELDS, table
from local.demo.people import Maker
from local.stack import Stack
from shared import clock
from tests.roster.intake_corpus.files import to_csv, to_json
from tests.support.leaks import Place, planted, wide
from tests.support.rosters import SCHOOLS
from tests.support.suite import Caller, draftee, put

Row = dict[str, str]
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}


class Story:
    """What is done to the suite, and what came back."""

    def __init__(self, suite: Stack) -> None:
        self.suite = suite
        self.answers: list[Place] = []
        self.statuses: set[int] = set()
        self.stated: list[str] = []
        """IDs that stood in the right column, or anywhere in what was refused: to be found nowhere."""
        self.written: list[str] = []
        """IDs that people wrote into free text: kept where they wrote it and nowhere else."""
        self._count = 0
        self._days = plan(clock.today())
        self._maker = Maker("leaks", self._days)
        self._callers: list[Caller] = []

    # -- who and what ----------------------------------------------------------------------------------------

    def stated_id(self, **how: Any) -> str:
        """The next ID that must be found nowhere."""
        self._count += 1
        self.stated.append(planted(self._count, **how))
        return self.stated[-1]

    def written_id(self) -> str:
        """The next ID for free text."""
        self._count += 1
        self.written.append(planted(self._count))
        return self.written[-1]

    def man(self, **cells: str) -> Row:
        """A student of Taipei with an ID of his own in the right column, unless another is given."""
        row = dict(zip(FIELDS, table([self._maker.man("63000")])[0], strict=True))
        if "national_id" not in cells:
            row["national_id"] = self.stated_id()
        return row | cells

    @property
    def query(self) -> str:
        return f"kind=application&{self._days.term.query}"

    async def _caller(self, name: str | None, *, entitled: bool = True) -> Caller:
        """Somebody whose answers are kept: all of them, but of those entitled to whole IDs the refusals only."""

        async def watch(response: httpx.Response) -> None:
            await response.aread()
            self.statuses.add(response.status_code)
            route = f"{response.request.method} {response.request.url.path}"
            kept = b"" if entitled and response.is_success else response.content
            heads = b"\n".join(b": ".join(pair) for pair in response.headers.raw)
            # The name of the place says where it was; that the address held an ID is no leak of ours.
            self.answers.append(Place(f"answer {response.status_code} to {name}: {route}", heads + b"\n\n" + kept))

        caller = Caller(self.suite, watch)
        self._callers.append(caller)
        return caller if name is None else await caller.log_in(name)

    async def post(self, who: Caller, content: str | bytes, *, kind: dict[str, str] = CSV, **how: Any):
        """Hand in a file."""
        body = content.encode() if isinstance(content, str) else content
        headers = kind | how.pop("headers", {})
        return await who.send("POST", f"/roster/v1/submissions?{self.query}", content=body, headers=headers, **how)

    async def known(self, *rows: Row) -> None:
        """Let the registry know the men of these rows."""
        men = [
            draftee(row["national_id"], row | {"birth_date": f"{int(row['birth_date'][:-4]) + 1911:04}"
                    f"-{row['birth_date'][-4:-2]}-{row['birth_date'][-2:]}"})
            for row in rows
        ]  # fmt: skip
        await put(f"{self.suite.registry_url}/v1/draftees", men)

    async def registry_fails(self, times: int, status: int = 503, delay_ms: int = 0) -> None:
        faults = {"fail_next": times, "status": status, "delay_ms": delay_ms}
        await put(f"{self.suite.registry_url}/v1/faults", faults)

    # -- the story -------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Everybody logs in."""
        self.nobody = await self._caller(None, entitled=False)
        self.admin = await self._caller("admin", entitled=False)
        self.school = await self._caller("school_ntu")
        self.system = await self._caller("sis_ntu")
        self.other = await self._caller("school_other", entitled=False)
        self.officer = await self._caller("county_taipei_officer")
        self.approver = await self._caller("county_taipei_approver")

    async def end(self) -> None:
        """Everybody leaves."""
        for caller in self._callers:
            await caller.close()

    async def reference(self) -> None:
        """Schools, a term, a contact."""
        taken = await self.admin.send("POST", "/roster/v1/schools/imports", content=SCHOOLS.encode(), headers=CSV)
        assert taken.status_code == 200, taken.text
        term = {"registration_deadline": self._days.term.registration_deadline.isoformat()}
        kept = await self.admin.send("PUT", f"/roster/v1/terms/{self._days.term.path}", json=term)
        assert kept.status_code == 200, kept.text
        contact = {"name": f"王小姐 {self.written_id()}", "phone": "02-3366-2032", "email": "m@ntu.example.test"}
        kept = await self.school.send("PUT", "/roster/v1/schools/0003/contact", json=contact)
        assert kept.status_code == 200, kept.text
        # The Ministry's list with an ID among the faulty cells.
        wrong = SCHOOLS + f"{self.stated_id()},{self.stated_id()},公立,{self.stated_id()},,,,\n"
        await self.admin.send("POST", "/roster/v1/schools/imports", content=wrong.encode(), headers=CSV)

    async def refused_files(self) -> None:
        """Files of which nothing may be kept, and whose refusals name the cells."""
        faulty = [
            self.man(national_id=self.stated_id(right=False)),
            self.man(national_id=self.stated_id(second="2")),
            self.man(national_id=self.stated_id(second="8")),
            self.man(national_id=wide(self.stated_id(right=False).lower())),
            self.man(national_id=f"{self.stated_id()} {self.stated_id()}"),
            *(self.man(**{name: self.stated_id()}) for name in FIELDS if name not in ("national_id", "name")),
            *(self.man(**{name: wide(self.stated_id())}) for name in ("level", "birth_date", "township_code")),
            self.man(name=f"={self.stated_id()}"),
            self.man(name="王" * 90 + self.stated_id() * 3),
        ]
        twice = self.man()
        repeated = [twice, twice | {"student_no": "B99"}]
        headless = [*to_csv([self.man(), self.man()]).splitlines()[1:], ""]
        stray = to_csv([self.man()]).replace("\r\n", f",{self.stated_id()}\r\n")
        for body in (
            to_csv(faulty), to_csv(repeated), "\r\n".join(headless), stray,
            to_csv([self.man()]) + f'"{self.stated_id()}', to_csv([self.man()]).encode("utf-16"),
            to_csv([self.man()]).encode() + b"\xff\xfe" + self.stated_id().encode(),
            f"{self.stated_id()};{self.stated_id()}\r\n", f"\x00{self.stated_id()}",
        ):  # fmt: skip
            await self._refused(await self.post(self.system, body), 400, 415, 422)
        for document in (
            to_json(faulty), to_json(repeated), to_json([self.man() | {self.stated_id(): self.stated_id()}]),
            json.dumps({"rows": [self.man()], self.stated_id(): wide(self.stated_id())}).encode(),
            json.dumps({"rows": [self.stated_id(), {"national_id": {self.stated_id(): 1}}]}).encode(),
            b'{"rows": [{"national_id": "' + self.stated_id().encode(),
            f'{{"rows": [], "{self.stated_id()}": 1, "{self.stated_id()}": 2}}'.encode(),
            f'{{"rows": [{{"{(again := self.stated_id())}": 1, "{again}": 2}}]}}'.encode(),
        ):  # fmt: skip
            await self._refused(await self.post(self.system, document, kind=JSON), 400, 422)
        for media in (f"text/{self.stated_id()}", f"text/csv; charset={self.stated_id()}"):
            await self._refused(
                await self.post(self.system, to_csv([self.man()]), kind={"Content-Type": media}), 415, 422
            )

    async def _refused(self, answer: httpx.Response, *statuses: int) -> None:
        assert answer.status_code in statuses, f"{answer.status_code} {answer.text[:300]}"

    async def naughty_requests(self) -> None:
        """IDs in addresses, headers, methods and searches."""
        gets = [
            *(f"/roster/v1/rosters/{i}" for i in (self.stated_id(), self.stated_id().lower())),
            f"/roster/v1/rosters/{quote(wide(self.stated_id()))}", f"/roster/v1/rosters/x{self.stated_id()}x",
            f"/roster/v1/entries/{self.stated_id()}", f"/roster/v1/results/{self.stated_id()}/entries",
            f"/roster/v1/schools/{self.stated_id()}", f"/roster/v1/{self.stated_id()}", f"/{self.stated_id()}",
            f"/{self.stated_id()}/v1/x", f"/identity/v1/{self.stated_id()}", f"/notify/v1/messages/{self.stated_id()}",
            *(f"/roster/v1/rosters?{name}={self.stated_id()}" for name in (
                "sort", "cursor", "state", "kind", "school_name", "school_code", "limit", "national_id")),
            *(f"/roster/v1/results?{name}={quote(wide(self.stated_id()))}" for name in ("search", "cursor", "sort")),
            f"/roster/v1/rosters?{self.stated_id()}={self.stated_id()}", f"/roster/v1/schools?name={self.stated_id()}",
        ]  # fmt: skip
        for path in gets:
            await self.officer.send("GET", path)
            await self.nobody.send("GET", path)
        headers = ("X-Request-Id", "traceparent", "tracestate", "User-Agent", "If-Match", "Cookie", "Referer", "Accept",
                   "X-Forwarded-For", "Accept-Language", "Authorization", "Host", "If-None-Match")  # fmt: skip
        for name in headers:
            await self.officer.send("GET", "/roster/v1/rosters", headers={name: self.stated_id()})
        for value in (self.stated_id(), f'"{self.stated_id()}"', f"W/{self.stated_id()}"):
            await self.officer.send("PUT", "/roster/v1/county-settings", headers={"If-Match": value}, json={})
            await self.approver.send("PUT", "/roster/v1/county-settings", headers={"If-Match": value}, json={})
        await self.nobody.send(self.stated_id(), "/roster/v1/rosters")
        for term in (f"kind={self.stated_id()}&academic_year=115&term=1", f"academic_year={self.stated_id()}"):
            await self.school.send("POST", f"/roster/v1/submissions?{term}", content=b"x", headers=CSV)
        # Searches: an ID belongs into the body, in any writing; a wrong body is refused.
        for who in (self.officer, self.school):
            for body in (
                {"national_id": self.stated_id()}, {"national_id": wide(self.stated_id())},
                {"national_id": self.stated_id().lower()}, {"national_id": f"{self.stated_id()}9999999999999"},
                {"school_name": self.stated_id()}, {"decision_number": self.stated_id()}, {"kind": self.stated_id()},
                {"from_on": self.stated_id()}, {self.stated_id(): self.stated_id()}, {"sort": self.stated_id()},
            ):  # fmt: skip
                await who.send("POST", "/roster/v1/result-searches", json=body)

    async def log_ins(self) -> None:
        """People who take their ID for a user name, and tokens that name one."""
        for name in (self.stated_id(), self.stated_id().lower(), wide(self.stated_id())):
            body = {"username": name, "password": self.stated_id()}
            await self.nobody.send("POST", "/identity/v1/sessions", json=body, headers={"User-Agent": self.stated_id()})
        account = self.suite.accounts["teacher"]
        body = {"username": account["username"], "password": account["password"]}
        opened = await self.nobody.send(
            "POST", "/identity/v1/sessions", json=body, headers={"User-Agent": f"Browser/{self.stated_id()}"}
        )
        assert opened.status_code == 200, opened.text
        for form in (
            {"grant_type": "client_credentials", "client_id": self.stated_id(), "client_secret": self.stated_id()},
            {"grant_type": "refresh_token", "refresh_token": self.stated_id()},
            {"grant_type": self.stated_id()}, {self.stated_id(): self.stated_id()},
        ):  # fmt: skip
            await self.nobody.send("POST", "/identity/v1/token", data=form)
        for claim in ({"kid": self.stated_id()}, {"alg": self.stated_id()}, {self.stated_id(): 1}):
            head = {"alg": "ES256", "kid": "k", "typ": "JWT"} | claim
            token = ".".join(
                base64.urlsafe_b64encode(part).rstrip(b"=").decode()
                for part in (json.dumps(head).encode(), json.dumps({"sub": self.stated_id()}).encode(), b"x" * 64)
            )
            await self.nobody.send("GET", "/roster/v1/rosters", headers={"Authorization": f"Bearer {token}"})
        me = (await self.school.get("/identity/v1/me"))["version"]
        change = {"display_name": f"承辦人 {self.stated_id()}", "phone": self.stated_id()[1:]}
        changed = await self.school.send("PATCH", "/identity/v1/me", json=change, seen=me)
        assert changed.status_code == 200, changed.text
        for wrong in ({"email": self.stated_id()}, {"email": f"{self.stated_id()}@"}, {self.stated_id(): 1}):
            await self.school.send("PATCH", "/identity/v1/me", json=wrong, seen=me + 1)
