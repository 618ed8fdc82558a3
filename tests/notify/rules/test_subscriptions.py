"""Who is told, who may decline (NO-03)."""

from dataclasses import replace

import pytest

from notify.subscriptions import SUBSCRIPTIONS, Addressee, Channel, Withheld, withheld

APPROVER = Addressee(frozenset({"approver"}), "county", "63000", has_address=True, system_mail=True, active=True)
SCHOOL = Addressee(frozenset({"school"}), "school", "0003", has_address=True, system_mail=True, active=True)
SUBMITTED = SUBSCRIPTIONS["muster.roster.batch.submitted.v1"]
DECIDED = SUBSCRIPTIONS["muster.roster.batch.decided.v1"]

CASES = [
    # NO-03: on by default; who declined gets none.
    (SUBMITTED, "63000", APPROVER, None),
    (SUBMITTED, "63000", replace(APPROVER, system_mail=False), Withheld.OPTED_OUT),
    # Another county's approver, a case officer, a school.
    (SUBMITTED, "65000", APPROVER, Withheld.NOT_ADDRESSEE),
    (SUBMITTED, "63000", replace(APPROVER, roles=frozenset({"case_officer"})), Withheld.NOT_ADDRESSEE),
    (SUBMITTED, "63000", replace(APPROVER, org_type="township"), Withheld.NOT_ADDRESSEE),
    (SUBMITTED, "63000", replace(APPROVER, roles=frozenset({"case_officer", "approver"})), None),
    (SUBMITTED, "63000", replace(APPROVER, active=False), Withheld.INACTIVE),
    (SUBMITTED, "63000", replace(APPROVER, has_address=False), Withheld.NO_ADDRESS),
    # What comes first is said first.
    (SUBMITTED, "63000", replace(APPROVER, active=False, system_mail=False), Withheld.INACTIVE),
    (SUBMITTED, "63000", replace(APPROVER, has_address=False, system_mail=False), Withheld.OPTED_OUT),
    # Art. 13-1: the school's notice cannot be declined.
    (DECIDED, "0003", SCHOOL, None),
    (DECIDED, "0003", replace(SCHOOL, system_mail=False), None),
    (DECIDED, "0025", SCHOOL, Withheld.NOT_ADDRESSEE),
    (DECIDED, "0003", replace(SCHOOL, active=False), Withheld.INACTIVE),
    (DECIDED, "0003", replace(SCHOOL, has_address=False), Withheld.NO_ADDRESS),
]


@pytest.mark.rule("NO-03")
@pytest.mark.parametrize("subscription, org_code, addressee, expected", CASES)
def test_withheld(subscription, org_code, addressee, expected):
    assert withheld(subscription, org_code, addressee, Channel.EMAIL) is expected


@pytest.mark.rule("NO-02", "NO-03")
@pytest.mark.parametrize("subscription, org_code, addressee, by_mail", CASES)
def test_the_inbox_asks_neither_for_a_tick_nor_for_an_address(subscription, org_code, addressee, by_mail):
    of_mail_only = (None, Withheld.OPTED_OUT, Withheld.NO_ADDRESS)
    expected = None if by_mail in of_mail_only else by_mail
    assert withheld(subscription, org_code, addressee, Channel.IN_APP) is expected


@pytest.mark.rule("NO-03")
def test_only_what_the_law_has_told_is_required():
    """Results of a school's roster; what an employer is asked to pay, and what is held against it if it does not."""
    assert {name for name, s in SUBSCRIPTIONS.items() if s.required} == {
        "muster.roster.batch.decided.v1", "muster.rdss-fee.notice.issued.v1", "muster.rdss-fee.violation.found.v1",
    }  # fmt: skip


@pytest.mark.rule("NO-03", "NO-04")
def test_every_subscription_says_what_it_rests_on():
    texts = {s.templates[Channel.IN_APP]: s.basis.text for s in SUBSCRIPTIONS.values()}
    assert texts["batch_decided_inbox"] == "免役禁役緩徵緩召實施辦法第13條第1項"
    assert texts["batch_submitted_inbox"] == "在學緩徵作業系統操作說明已版更項目第13項"
    assert texts["roster_corrected_inbox"] == texts["roster_withdrawn_inbox"]
    assert texts["training_forwarded_inbox"] == "免役禁役緩徵緩召實施辦法第16條之1"
    assert texts["notice_issued_inbox"] == "研發替代役研究發展費繳納標準第4條"
    assert texts["violation_found_inbox"] == "研發替代役制度管考獎懲作業說明研究發展費繳納第5頁"
    assert len(texts) == 19
