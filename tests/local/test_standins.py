"""The stand-ins for the conscription registry and the mail server: they keep what they get, and show it as it came."""

import asyncio
import json
import os
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.layout import REPO
from local.postgres import free_port
from local.processes import answers

TOKEN = "a-token-of-this-test"
MAN = {
    "national_id": "A123456789",
    "name": "王大明",
    "birth_date": "2004-05-06",
    "household_county_code": "63000",
    "household_township_code": "63000030",
}


@contextmanager
def _program(*arguments: str, ready: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=REPO, env=os.environ | {"MUSTER_REGISTRY_TOKEN": TOKEN}
    )
    try:
        deadline = time.monotonic() + 15
        while not asyncio.run(answers(ready)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        assert process.wait(10) in (0, -signal.SIGTERM, -signal.SIGKILL)


class Registry:
    """A running stand-in; `outside` carries the token, `inside` does not."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.port = free_port()
        self.inside = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/v1", timeout=10)
        self.outside = httpx.Client(
            base_url=self.inside.base_url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        options = ["local.registry_standin", "--port", str(self.port), "--file", str(self.file)]
        with _program(*options, ready=f"http://127.0.0.1:{self.port}/readyz") as process:
            yield process

    def annotate(self, event_id: str, action: str, national_id: str = "A123456789", **fields: object) -> httpx.Response:
        data = {"action": action, "national_id": national_id, **fields}
        return self.outside.post("/annotations", json=event(event_id, data))


def event(event_id: str, data: dict[str, object]) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/roster",
        "type": "muster.roster.annotation.changed.v1",
        "time": "2026-11-20T01:02:03Z",
        "datacontenttype": "application/json",
        "data": data,
    }


@pytest.fixture(scope="module")
def _registry(tmp_path_factory) -> Iterator[Registry]:
    registry = Registry(tmp_path_factory.mktemp("registry") / "registry.sqlite")
    with registry.running():
        yield registry


@pytest.fixture
def registry(_registry: Registry) -> Registry:
    _registry.inside.put("/faults", json={}).raise_for_status()
    return _registry


# -- the registry ------------------------------------------------------------------------------------------------


@pytest.mark.rule("RO-18")
def test_lookup_gives_every_fact_that_was_put_and_names_who_is_unknown(registry: Registry) -> None:
    full = MAN | {
        "national_id": "B120000005",
        "status": "reservist",
        "household_since": "2020-01-01",
        "induction_order": {"number": "北市兵字第1號", "dated_on": "2026-08-01"},
        "overseas_compatriot": True,
        "volunteer_training": True,
        "annotation": {"issued_on": "2025-10-01", "decision_number": "北市兵緩字第9號"},
    }
    assert registry.inside.put("/draftees", json=[MAN, full]).json() == {"stored": 2}
    answer = registry.outside.post(
        "/draftees/lookup", json={"national_ids": ["B120000005", "Z199999999", "A123456789", "A123456789"]}
    ).json()
    assert [d["national_id"] for d in answer["draftees"]] == ["B120000005", "A123456789"]
    assert answer["draftees"][0] == full
    assert answer["draftees"][1] == MAN | {
        "status": "none",
        "household_since": None,
        "induction_order": None,
        "overseas_compatriot": False,
        "volunteer_training": False,
        "annotation": None,
    }
    assert answer["unknown"] == ["Z199999999"]
    assert answer["as_of"].endswith("+00:00")


def test_ndjson_population_and_replacement(registry: Registry) -> None:
    men = [MAN | {"national_id": f"C1000000{n:02d}"} for n in range(3)]
    lines = "\n".join(json.dumps(man, ensure_ascii=False) for man in men) + "\n\n"
    assert registry.inside.put("/draftees", content=lines.encode()).json() == {"stored": 3}
    registry.inside.put("/draftees", json=[men[0] | {"status": "exempted"}]).raise_for_status()
    wanted = {"national_ids": [man["national_id"] for man in men]}
    answer = registry.outside.post("/draftees/lookup", json=wanted).json()
    assert [d["status"] for d in answer["draftees"]] == ["exempted", "none", "none"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"[", 400),
        (b"{}", 422),
        (json.dumps([MAN | {"status": "hero"}]).encode(), 422),
        (json.dumps([MAN | {"birth_date": "2004-02-31"}]).encode(), 422),
        (json.dumps([MAN | {"surprise": 1}]).encode(), 422),
        (b"\xff\xfe", 400),
    ],
)
def test_a_population_that_does_not_fit_is_refused_whole(registry: Registry, content: bytes, status: int) -> None:
    reply = registry.inside.put("/draftees", content=content)
    assert reply.status_code == status
    assert "A123456789" not in reply.text


@pytest.mark.parametrize("path", ["/draftees/lookup", "/annotations", "/township-reports"])
@pytest.mark.parametrize("token", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_the_outside_face_wants_its_token(registry: Registry, path: str, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": token}
    reply = registry.inside.post(path, json={"national_ids": []}, headers=headers)
    assert reply.status_code == 401


def test_at_most_a_thousand_in_one_lookup(registry: Registry) -> None:
    ids = [f"D1{n:08d}" for n in range(1001)]
    assert registry.outside.post("/draftees/lookup", json={"national_ids": ids}).status_code == 422
    assert len(registry.outside.post("/draftees/lookup", json={"national_ids": ids[:1000]}).json()["unknown"]) == 1000


@pytest.mark.rule("RO-49")
def test_annotations_are_applied_in_order_and_their_history_is_kept(registry: Registry) -> None:
    man = "E100000001"
    created = {"issued_on": "2026-10-01", "decision_number": "甲第1號", "deferment_end": "2028-06-30"}
    assert registry.annotate("h1", "create", man, **created).status_code == 201
    assert registry.annotate("h2", "modify", man, deferment_end="2028-12-31").status_code == 201
    assert registry.annotate("h3", "none", man).status_code == 201
    (item,) = registry.inside.post("/annotations/search", json={"national_ids": [man]}).json()["items"]
    assert item["annotation"] == created | {"deferment_end": "2028-12-31"}
    assert [h["event_id"] for h in item["history"]] == ["h1", "h2", "h3"]
    assert [h["data"]["action"] for h in item["history"]] == ["create", "modify", "none"]
    looked_up = registry.inside.put("/draftees", json=[MAN | {"national_id": man}])
    looked_up.raise_for_status()
    answer = registry.outside.post("/draftees/lookup", json={"national_ids": [man]}).json()
    assert answer["draftees"][0]["annotation"] == item["annotation"]


def test_the_stand_in_repairs_nothing(registry: Registry) -> None:
    """A modification that wrongly carries another number is shown wrong: the suite's mistake must be seen."""
    man = "E100000002"
    registry.annotate("w1", "create", man, decision_number="甲第1號")
    registry.annotate("w2", "modify", man, decision_number="甲第2號")
    (item,) = registry.inside.post("/annotations/search", json={"national_ids": [man]}).json()["items"]
    assert item["annotation"] == {"decision_number": "甲第2號"}


def test_the_same_event_again_is_counted_and_not_applied(registry: Registry) -> None:
    man = "E100000003"
    registry.annotate("r1", "create", man, deferment_end="2027-01-01")
    registry.annotate("r2", "modify", man, deferment_end="2028-01-01")
    again = registry.annotate("r1", "create", man, deferment_end="2027-01-01")
    assert (again.status_code, again.json()["stored"]) == (200, False)
    (item,) = registry.inside.post("/annotations/search", json={"national_ids": [man]}).json()["items"]
    assert item["annotation"] == {"deferment_end": "2028-01-01"}
    assert [h["deliveries"] for h in item["history"]] == [2, 1]


def test_the_list_continues_from_a_cursor(registry: Registry) -> None:
    registry.annotate("c1", "create", "F100000001", x=1)
    cursor = registry.inside.get("/annotations").json()["next_cursor"]
    assert registry.inside.get("/annotations", params={"since": cursor}).json()["items"] == []
    registry.annotate("c2", "create", "F100000002", x=2)
    registry.annotate("c3", "modify", "F100000001", x=3)
    registry.inside.put("/draftees", json=[MAN | {"national_id": "F100000003", "annotation": {"x": 4}}])
    items = registry.inside.get("/annotations", params={"since": cursor}).json()["items"]
    assert [(i["national_id"], i["annotation"]["x"]) for i in items] == [
        ("F100000002", 2),
        ("F100000001", 3),
        ("F100000003", 4),
    ]
    assert registry.inside.get("/annotations", params={"since": "x"}).status_code == 400


@pytest.mark.rule("RO-51")
def test_township_reports_are_kept_once(registry: Registry) -> None:
    body = event("t1", {"national_id": "A123456789", "decision": "approved", "household_township_code": "63000030"})
    for status in (201, 200):
        assert registry.outside.post("/township-reports", json=body).status_code == status
    (report,) = registry.inside.get("/township-reports").json()["items"]
    assert report["data"] == body["data"]
    assert report["deliveries"] == 2


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"specversion": "0.3"},
        event("", {"national_id": "A123456789", "action": "create"}),
        event("b1", {"national_id": "", "action": "create"}),
        event("b2", {"national_id": "A123456789", "action": "erase"}),
        event("b3", {"national_id": "A123456789"}),
    ],
)
def test_an_event_that_is_none_is_refused(registry: Registry, broken: dict[str, object]) -> None:
    assert registry.outside.post("/annotations", json=broken).status_code == 422


def test_faults_are_made_on_demand(registry: Registry) -> None:
    registry.inside.put("/faults", json={"fail_next": 2, "lose_answers": 1}).raise_for_status()
    codes = [registry.annotate("f1", "create", "G100000001", x=1).status_code for _ in range(4)]
    # Two refused, one done whose answer is lost, one repeated: the event is applied once.
    assert codes == [503, 503, 504, 200]
    (item,) = registry.inside.post("/annotations/search", json={"national_ids": ["G100000001"]}).json()["items"]
    assert len(item["history"]) == 1


def test_a_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry.sqlite")
    with registry.running() as process:
        registry.inside.put("/draftees", json=[MAN]).raise_for_status()
        registry.annotate("k1", "create", x=1).raise_for_status()
        process.kill()
        process.wait()
    with registry.running():
        (item,) = registry.inside.get("/annotations").json()["items"]
        assert item["annotation"] == {"x": 1}
        assert registry.annotate("k1", "create", x=1).json()["stored"] is False
    assert registry.file.stat().st_mode & 0o077 == 0


# -- mail --------------------------------------------------------------------------------------------------------


class Mail:
    """A running mail sink."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.port, self.smtp_port = free_port(), free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        options = ["--port", str(self.port), "--smtp-port", str(self.smtp_port), "--file", str(self.file)]
        with _program("local.mail_sink", *options, ready=f"http://127.0.0.1:{self.port}/healthz") as process:
            yield process

    def send(self, *to: str, subject: str = "核定通知", text: str = "您有一批名冊待核定。", html: str = "") -> None:
        message = EmailMessage()
        message["From"] = "muster@example.test"
        message["To"] = ", ".join(to)
        message["Subject"] = subject
        message["Message-ID"] = "<1@example.test>"
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as smtp:
            smtp.send_message(message)

    def messages(self, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/messages", params=query).json()
        return found


@pytest.fixture(scope="module")
def _mail(tmp_path_factory) -> Iterator[Mail]:
    mail = Mail(tmp_path_factory.mktemp("mail") / "mail.jsonl")
    with mail.running():
        yield mail


@pytest.fixture
def mail(_mail: Mail) -> Mail:
    assert _mail.http.delete("/messages").status_code == 204
    return _mail


def test_a_message_is_shown_as_a_person_reads_it(mail: Mail) -> None:
    mail.send("a@example.test", html="<p>您好</p>")
    (message,) = mail.messages()
    assert message["from"] == "muster@example.test"
    assert message["to"] == ["a@example.test"]
    assert message["subject"] == "核定通知"
    assert message["text"] == "您有一批名冊待核定。\n"
    assert message["html"] == "<p>您好</p>\n"
    assert message["headers"]["Message-ID"] == "<1@example.test>"
    assert message["received_at"].endswith("+00:00")


def test_messages_are_found_by_recipient(mail: Mail) -> None:
    mail.send("a@example.test", subject="一")
    mail.send("b@example.test", "A@example.test", subject="二")
    mail.send("c@example.test", subject="三")
    assert [m["subject"] for m in mail.messages(to="A@Example.test")] == ["一", "二"]
    assert [m["subject"] for m in mail.messages()] == ["一", "二", "三"]
    assert mail.messages(to="nobody@example.test") == []


def test_a_kill_loses_no_accepted_message_and_a_torn_line_is_dropped(tmp_path: Path) -> None:
    mail = Mail(tmp_path / "mail.jsonl")
    with mail.running() as process:
        mail.send("a@example.test", subject="一")
        process.kill()
        process.wait()
    with mail.file.open("ab") as file:
        file.write(b'{"id": 2, "sender": "torn')
    with mail.running():
        mail.send("a@example.test", subject="二")
        assert [(m["id"], m["subject"]) for m in mail.messages()] == [(1, "一"), (2, "二")]
    assert mail.file.stat().st_mode & 0o077 == 0


def test_it_can_be_told_to_fail(mail: Mail) -> None:
    mail.http.put("/faults", json={"fail_next": 1}).raise_for_status()
    with pytest.raises(smtplib.SMTPDataError) as caught:
        mail.send("a@example.test")
    assert caught.value.smtp_code == 451
    mail.send("a@example.test")
    assert len(mail.messages()) == 1
