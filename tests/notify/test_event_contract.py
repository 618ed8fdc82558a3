"""What the senders declare and what this service reads, held together."""

from typing import Any

import pytest

from notify.events import HANDLERS, KINDS
from notify.subscriptions import SUBSCRIPTIONS
from roster.intake.rules import RosterKind
from tests.notify.fees import of_fee
from tests.notify.support import DATA, OF_CASES, account, batch, of_case, roster_event
from tests.support.events_doc import event_types

DECLARED = {kind.name: kind for kind in event_types() if "notify" in kind.to}


@pytest.mark.rule("NO-01")
def test_whatever_is_sent_here_is_read_here_and_the_reverse():
    assert set(DECLARED) == set(HANDLERS)
    assert set(SUBSCRIPTIONS) == {name for name in HANDLERS if not name.startswith("muster.identity.")}


@pytest.mark.rule("NO-01")
@pytest.mark.parametrize("name", sorted(DECLARED))
def test_every_member_read_is_declared_and_promised(name):
    sent, read = DECLARED[name].data.model_fields, HANDLERS[name][0].model_fields
    assert set(read) <= set(sent)
    for member, field in read.items():
        # What this service cannot do without, the sender may not leave out.
        assert not field.is_required() or sent[member].is_required(), member


@pytest.mark.rule("NO-01")
@pytest.mark.parametrize("name", sorted(DECLARED))
def test_no_text_is_longer_than_what_is_read(name):
    sent, read = (t.model_json_schema()["properties"] for t in (DECLARED[name].data, HANDLERS[name][0]))
    for member, schema in read.items():
        bounded = sent[member].get("format") == "uuid" or "$ref" in sent[member]
        if "maxLength" in schema and not bounded:
            assert sent[member]["maxLength"] <= schema["maxLength"], member


def _sample(name: str) -> dict[str, Any]:
    if name == "muster.identity.account.changed.v1":
        return account("0b8f2c34-0000-4000-8000-000000000001")
    _, service, thing, act, _ = name.split(".")
    if service == "rdss-fee":
        return of_fee(f"{thing}.{act}")
    if f"{thing}.{act}" in OF_CASES:
        return of_case(f"{thing}.{act}")
    sample: dict[str, Any] = roster_event(act)["data"] if thing == "roster" else batch(**DATA[act])
    return sample


@pytest.mark.rule("NO-01")
@pytest.mark.parametrize("name", sorted(DECLARED))
def test_what_the_sender_writes_is_read_back_the_same(name):
    written = DECLARED[name].data.model_validate(_sample(name)).model_dump(mode="json")
    read = HANDLERS[name][0].model_validate(written).model_dump(mode="json")
    assert read == {member: written[member] for member in read}


def test_every_kind_of_roster_has_words():
    assert set(KINDS) == {kind.value for kind in RosterKind}


@pytest.mark.rule("NO-05")
@pytest.mark.parametrize("member, kind", [("school_name", "submitted"), ("reason", "returned")])
def test_free_text_is_masked_before_it_is_an_event(member, kind):
    declared = DECLARED[f"muster.roster.batch.{kind}.v1"].data
    made = declared.model_validate(batch(**DATA[kind]) | {member: "查 A123456789 與 Ａ１２３４５６７８９"})
    assert made.model_dump()[member] == "查 A12****789 與 A12****789"
