"""What is left after the murders, and everything that is wrong with it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from local.stack import ONCE, Stack
from tests.support.smoke import TAIPEI, Case
from tests.support.suite import SERVICES, ask, fetch

Row = dict[str, Any]
# Who is written to of each batch: two approvers who want mail when it comes up, the school's person when it is decided.
MAILS = {"muster.roster.batch.submitted.v1": 2, "muster.roster.batch.decided.v1": 1}
# Into whose inbox it comes: the approver who declined mail is told there all the same.
NOTICES = {"muster.roster.batch.submitted.v1": 3, "muster.roster.batch.decided.v1": 1}


@dataclass
class Aftermath:
    """Everything that was kept, told and sent, read past every wall."""

    submissions: list[Row]
    entries: list[Row]
    batches: list[Row]
    decisions: list[Row]
    deferments: list[Row]
    jobs: list[Row]
    taken: list[Row]
    messages: list[Row]
    mails: list[Row]
    notices: list[Row]
    annotations: list[Row]
    reports: list[Row]
    audits: list[Row]

    def since(self, before: "Aftermath") -> "Aftermath":
        """What has come since `before`, where several tests leave something."""
        return Aftermath(**{f.name: _since(getattr(before, f.name), getattr(self, f.name)) for f in fields(self)})


def _since(before: list[Row], now: list[Row]) -> list[Row]:
    known = Counter(msgspec.json.encode(row) for row in before)
    fresh = []
    for row in now:
        if known[encoded := msgspec.json.encode(row)]:
            known[encoded] -= 1
        else:
            fresh.append(row)
    return fresh


async def look(suite: Stack) -> Aftermath:
    """Read it all."""
    roster, notify = suite.database_url("roster"), suite.database_url("notify")
    kept = {
        name: [{key: _plain(value) for key, value in row.items()} for row in await ask(roster, query)]
        for name, query in (
            ("submissions", "SELECT id, row_count FROM submission"),
            ("entries", "SELECT id, roster_id, row_no, national_id_index AS man, state, batch_id FROM entry"),
            ("batches", "SELECT id, roster_id, state FROM batch"),
            ("decisions", "SELECT id, entry_id, batch_id, decision FROM decision"),
            ("deferments", "SELECT decision_id, deferment_id FROM deferment_change"),
            ("audits", "SELECT action, entity, entity_id FROM audit_entry"),
        )
    }
    jobs = [
        {"service": service, **row}
        for service in SERVICES
        for row in await ask(
            suite.database_url(service),
            "SELECT kind, state, last_error, payload -> 'event' ->> 'id' AS event,"
            f" payload -> 'event' ->> 'source' AS source FROM job WHERE {ONCE}",
        )
    ]
    messages = await ask(
        notify,
        "SELECT m.id::text, m.channel, m.recipient, m.event_type, m.about::text, m.state, i.number"
        " FROM message m LEFT JOIN inbox_item i ON i.message_id = m.id",
    )
    mails = [
        {"id": mail["headers"]["Message-ID"].strip("<>").partition("@")[0], "to": mail["to"]}
        for mail in msgspec.json.decode(await fetch(f"{suite.mail_url}/messages"))
    ]
    return Aftermath(
        **kept,
        jobs=jobs,
        taken=await ask(notify, "SELECT source, id AS event FROM inbox_event"),
        messages=[row for row in messages if row["channel"] == "email"],
        mails=mails,
        notices=[row for row in messages if row["channel"] == "in_app"],
        annotations=await _all(f"{suite.registry_url}/v1/annotations"),
        reports=await _all(f"{suite.registry_url}/v1/township-reports"),
    )


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value if value is None else str(value)


async def _all(url: str) -> list[Row]:
    items: list[Row] = msgspec.json.decode(await fetch(url))["items"]
    return items


def faults(cases: list[Case], found: Aftermath) -> list[str]:
    """Everything acknowledged that is lost, everything that was done twice, everything that was never done."""
    return [
        *_of_rosters(cases, found),
        *_of_decisions(cases, found),
        *_of_the_registry(cases, found),
        *_of_jobs_and_events(found),
        *_of_mail(cases, found),
        *_of_inboxes(cases, found),
        *_of_audit(cases, found),
    ]


def differ(what: str, wanted: Iterable[Any], there: Iterable[Any]) -> Iterator[str]:
    """Lost, doubled and unasked-for things, each counted as often as it stands there."""
    told, kept = Counter(wanted), Counter(there)
    yield from (f"{what} lost: {thing}" for thing in told - kept)
    yield from (f"{what} doubled or unasked for: {thing}" for thing in kept - told)


def _of_rosters(cases: list[Case], found: Aftermath) -> Iterator[str]:
    yield from differ("submission", (case.submission for case in cases), (row["id"] for row in found.submissions))
    headcounts = Counter(row["roster_id"] for row in found.entries)
    for case in cases:
        for county, roster in case.rosters.items():
            men = sum(man.county_code == county for man in case.men)
            if headcounts[roster] != men:
                yield f"entry lost or doubled: roster {roster} has {headcounts[roster]} of {men}"
    men_twice = Counter((row["roster_id"], row["man"]) for row in found.entries)
    yield from (f"entry doubled: {who}" for who, count in men_twice.items() if count > 1)


def _of_decisions(cases: list[Case], found: Aftermath) -> Iterator[str]:
    yield from differ("batch", (case.batch for case in cases), (row["id"] for row in found.batches))
    yield from (f"batch left {row['state']}: {row['id']}" for row in found.batches if row["state"] != "decided")
    decided = [row["id"] for row in found.entries if row["state"] == "decided"]
    yield from differ("decision", decided, (row["entry_id"] for row in found.decisions))
    told = [
        (case.batch, decision)
        for case in cases
        for decision, men in (("approved", case.approved), ("rejected", case.rejected))
        for _ in men
    ]
    yield from differ("decision", told, ((row["batch_id"], row["decision"]) for row in found.decisions))
    approved = [row["id"] for row in found.decisions if row["decision"] == "approved"]
    yield from differ("deferment", approved, (row["decision_id"] for row in found.deferments))
    twice = Counter(row["deferment_id"] for row in found.deferments)
    yield from (f"deferment doubled: {which}" for which, count in twice.items() if count > 1)


def _of_the_registry(cases: list[Case], found: Aftermath) -> Iterator[str]:
    approved = [man for case in cases for man in case.approved]
    told = ((item["national_id"], step["event_id"]) for item in found.annotations for step in item["history"])
    yield from differ("annotation", approved, (man for man, _event in told))
    yield from (f"annotation lost: {i['national_id']}" for i in found.annotations if i["annotation"] is None)
    everybody = [*approved, *(man for case in cases for man in case.rejected)]
    yield from differ("township report", everybody, (report["data"]["national_id"] for report in found.reports))


def _of_jobs_and_events(found: Aftermath) -> Iterator[str]:
    for job in found.jobs:
        if job["state"] != "done":
            yield f"job {job['state']}: {job['service']} {job['kind']} {job['last_error']}"
    sent = ((job["source"], job["event"]) for job in found.jobs if job["event"] is not None)
    yield from differ("event", sent, ((row["source"], row["event"]) for row in found.taken))


def _of_mail(cases: list[Case], found: Aftermath) -> Iterator[str]:
    told = [(case.batch, kind) for case in cases for kind, count in MAILS.items() for _ in range(count)]
    yield from differ("message", told, ((row["about"], row["event_type"]) for row in found.messages))
    twice = Counter((row["recipient"], row["about"], row["event_type"]) for row in found.messages)
    yield from (f"message doubled: {which}" for which, count in twice.items() if count > 1)
    yield from (f"message {row['state']}: {row['id']}" for row in found.messages if row["state"] != "sent")
    # A mail may go out again under its own Message-ID, by which the receiver knows it; never under another.
    yield from differ("mail", {row["id"] for row in found.messages}, {mail["id"] for mail in found.mails})


def _of_inboxes(cases: list[Case], found: Aftermath) -> Iterator[str]:
    told = [(case.batch, kind) for case in cases for kind, count in NOTICES.items() for _ in range(count)]
    yield from differ("notice", told, ((row["about"], row["event_type"]) for row in found.notices))
    twice = Counter((row["recipient"], row["about"], row["event_type"]) for row in found.notices)
    yield from (f"notice doubled: {which}" for which, count in twice.items() if count > 1)
    yield from (f"notice without a place: {row['id']}" for row in found.notices if row["number"] is None)
    for recipient in sorted({row["recipient"] for row in found.notices}):
        numbers = sorted(row["number"] or 0 for row in found.notices if row["recipient"] == recipient)
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            yield f"inbox with gaps: {recipient}"


def _of_audit(cases: list[Case], found: Aftermath) -> Iterator[str]:
    """One row an act, with the act or not at all: of each case's posting, opening, review, submission and decision."""
    entries = [entry for case in cases for entry in case.entries]
    # One of each case's entries is changed once more, by itself.
    reviewed = [*entries, *(case.entries[0] for case in cases)]
    acts = [
        *(("submission.received", case.submission) for case in cases),
        *(("roster.opened", case.rosters[TAIPEI]) for case in cases),
        *(("entry.reviewed", entry) for entry in reviewed),
        *(("batch.submitted", case.batch) for case in cases),
        *(("entry.decided", entry) for entry in entries),
        *(("annotation.delivered", row["decision_id"]) for row in found.deferments),
        *(("township_report.delivered", row["id"]) for row in found.decisions),
    ]
    names = {name for name, _entity in acts}
    kept = ((row["action"], row["entity_id"]) for row in found.audits if row["action"] in names)
    yield from differ("audit row", acts, kept)
