"""Templates: bilingual, versioned, strict (NO-05)."""

import hashlib
import re
from importlib.resources import files

import pytest
from jinja2 import UndefinedError, meta

from notify import templating
from notify.reading import told
from notify.subscriptions import SUBSCRIPTIONS, Channel
from notify.templating import BLOCKS, ENGLISH_SUBJECT, RULER, by_language, render, versions

# A published version is never edited: a message says which one it was made from. New words are a new file.
PUBLISHED = {
    "notice_issued.1.txt": "21abb1cbbc10fc2a9a20f7b103200f339c72bdacf3f16258f34cfd6805a3faac",
    "notice_issued_inbox.1.txt": "4293c44328680091253d23c3fa18ca19bb52c5032a0d87c4e12e37987025a313",
    "notice_overdue.1.txt": "f92dd7c7454186e1f0e7b9a5baeb0183060261fa5194a1be07987c6f04810a12",
    "notice_overdue_inbox.1.txt": "2a3700ee78bab272917e67d3344ea8534f6b9e69d3149c00bcbddf960f61284e",
    "notice_reminded.1.txt": "fdcb2b644fbbf585b436ab9a6dafcdfd65307bcc8d8d7bf88b8023d088003426",
    "notice_reminded_inbox.1.txt": "ff119ce22a06ae2b2e3b99dd3b77e843d3dbb1053cc2c9f8f87350f596c01fb1",
    "receipt_issued_inbox.1.txt": "75c0f7ff32ee5a7eb4ba6923bf417684d3179e1e3d318085ead4a05c4c6795a1",
    "refund_bounced.1.txt": "4d5d42ea805fc8635d97dd9469f8646136c1adc161ebe6bd07175b1d60a64189",
    "refund_bounced_inbox.1.txt": "880741dcc7b281c890d63866bcd5674257aeb0ef53d60907c9d81b0c61ac11bf",
    "refund_decided.1.txt": "598c492160b17d6419b51251193e16cea912e4ab97c2a668665e09d3fc7b7ced",
    "refund_decided_inbox.1.txt": "9ab676887477a68db0bb6cd769070662f4b81110403d25b69ee755823b7c3c46",
    "refund_paid.1.txt": "8d56033122500ea7f9309e0b4722e82806931fb91decb71bb304039792f47a98",
    "refund_paid_inbox.1.txt": "0ea86993ca509b1a3c34493811fbc53760a8de6612d1174923158c85ddcf3cfd",
    "violation_annulled.1.txt": "a0887d32dffe7f35945b79766c1ed00c114979d102b0ec6b8d0f483ff2146acc",
    "violation_annulled_inbox.1.txt": "46b6c89043ae15cadaa1b22337eeab4ba2c34bd510b4d4244c9bd8922fafbade",
    "violation_found.1.txt": "0f6c9e1edc0e67a2373ac047941ed70e2a1413f85067be3fa2178ea2c6b4ddf1",
    "violation_found_inbox.1.txt": "ba33dae7a29ba97e99267dc36bbd4fee70d55e1089a73aa32b392381384ce39c",
    "batch_recalled.2.txt": "ad29b561772d18f706641473adbd3b5723a8f12783dfe60a1a7dec0590c75223",
    "batch_recalled_inbox.2.txt": "afa6ff60bb6423826f1dbfa6a211c2ec6455088b140b70f12caf8ccf3f775177",
    "batch_returned.2.txt": "c40d5dbe41bda12a1ccbe2f4af11ddb78f8bd3ec49a04f52c3bf2cdc8655b4d1",
    "batch_returned_inbox.2.txt": "159f23b08671c19edd2176f41b67d8ec3ca373d960088cdcab7ed9513f239192",
    "batch_submitted.2.txt": "0ce887ffac3b7476fe2113c2312973c4978cb7343faa9e6aa2d15973b3366fad",
    "batch_submitted_inbox.2.txt": "562fb0353f8fcc9bb45c19e4aecb2d67aa3af91731c28dc07b1fc5e5bda469e9",
    "case_decided_inbox.1.txt": "0208605de8a8f9117e62bc98fd27ab49f317d0101e0a02cd39f35e56f5896913",
    "case_filed_inbox.1.txt": "4793428ac4c5e18fc928fe3bda7fd10b21d3a6f7225ecb36980d4297aa1f9236",
    "notice_decided_inbox.1.txt": "c0c11d7d6aad43f7cf253419b0682023c9522497e6d6cafaed02fc5ee9da7729",
    "training_forwarded_inbox.1.txt": "6b8fc4495e407aa6b4dcb2ded35d38dc594f5af7d6c04aa44268fcd1e0681517",
    "roster_corrected_inbox.1.txt": "a3f41c8c378d01562debc570169891ab96ed673c9ec8b4642e02dd43159263e2",
    "roster_withdrawn_inbox.1.txt": "163fb80a27b9fe2995a5ca7dbaaf1639448d217c7773d51cabd96515703815d1",
    "batch_submitted_inbox.1.txt": "ae7becae3885df32e9155d95921245777e887591d2e44fc51464198b13b5bc48",
    "batch_returned_inbox.1.txt": "a2833d88a8ba3703315b1f865fd3ea750c042da29b1febb2e63d81234ae8072b",
    "batch_recalled_inbox.1.txt": "e9145dec4898686de638696e710c168f50e0d9dfdfe0fc000eaa4e93e139150b",
    "batch_decided_inbox.1.txt": "e63d232016e6525fef817c3dd82e12687da673fd763bdd083275e2f8a882bb44",
    "batch_decided_inbox.2.txt": "928b0408f4df420b0339fedd9624703d5daacc90390013168597327ca08ccbd3",
    "batch_decided.2.txt": "050a4f64659b37f8a2bc28389fcc071d129ef1e9d2ac180c81d912d53abecb06",
    "batch_decided.1.txt": "f5c8ad67b141f8ef7447b8dfdb7fcafb536d8f3abf2b331b19b088b78ccc96ba",
    "batch_recalled.1.txt": "38bdb2ab15a5ce418928a0b33d895b3fe38fd20a824dd45a8a72ef49cb83b46d",
    "batch_returned.1.txt": "af37a89948c3898a602b32ba41bb3a675cc62a6c9884fbaf319b16526e7f6bb2",
    "batch_submitted.1.txt": "d4257e4159830328408bd5919091e75e6528d17e3e7781520c30c41f5c5fe2ef",
}
COMMON = {
    "batch_id": "0b8f2c34-0000-4000-8000-000000000001",
    "roster_id": "0b8f2c34-0000-4000-8000-000000000002",
    "county": "臺北市政府",
    "county_en": "Taipei City Government",
    "school_code": "0003",
    "school_name": "國立臺灣大學",
    "kind": "申請緩徵名冊",
    "kind_en": "application for deferment",
    "kind_code": "application",
    "academic_year": 115,
    "term": 1,
    "case": "收受徵集令後之學校證明書",
    "case_en": "school's certificate after an induction order",
    "urgent": True,
    "headcount": 48,
    "entry_count": 2,
    "whole": False,
    "reason": "請補附畢業證書",
    "version": 2,
    "opened": True,
    "kept": 40,
    "changed": 5,
    "added": 2,
    "dropped": 1,
    "approved": 45,
    "rejected": 3,
    "corrected": 1,
    "remedy_days": 30,
    "decided_on": "2026-10-02",
    "decided_on_roc": "民國115年10月2日",
    "employer_code": "12345675",
    "employer_name": "甲示範科技股份有限公司",
    "month_text": "115年10月",
    "month_en": "2026-10",
    "amount_text": "1,033,110",
    "paid_text": "33,110",
    "outstanding_text": "1,000,000",
    "due_on": "2026-10-05",
    "due_on_roc": "民國115年10月5日",
    "issued_on": "2026-09-15",
    "issued_on_roc": "民國115年9月15日",
    "posted_on": "2026-10-02",
    "posted_on_roc": "民國115年10月2日",
    "paid_on": "2026-10-12",
    "paid_on_roc": "民國115年10月12日",
    "bounced_on": "2026-10-13",
    "bounced_on_roc": "民國115年10月13日",
    "annulled_on": "2026-10-14",
    "annulled_on_roc": "民國115年10月14日",
    "reference_on": "2026-10-05",
    "reference_on_roc": "民國115年10月5日",
    "number": "115-000042",
    "letter_no": "示範財字第1150000012號",
    "basis": "免役禁役緩徵緩召實施辦法第13條第1項",
    "basis_en": "Article 13",
}
# Names and what people wrote stand in the English part as they are.
NAMES = ("國立臺灣大學", "請補附畢業證書", "甲示範科技股份有限公司", "示範財字第1150000012號")
INBOX = [name for name in versions() if name.endswith("_inbox")]
ALL = [(name, number) for name, numbers in versions().items() for number in numbers]


def _source(name: str, number: int) -> str:
    return (files("notify") / "templates" / f"{name}.{number}.txt").read_text(encoding="utf-8")


def _used(name: str, number: int) -> set[str]:
    return meta.find_undeclared_variables(templating._environment.parse(_source(name, number)))


def test_published_versions_are_never_edited():
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (files("notify") / "templates").iterdir()
        if path.name.endswith(".txt")
    }
    assert found == PUBLISHED


@pytest.mark.rule("NO-05")
def test_every_subscription_has_a_template():
    assert {name for s in SUBSCRIPTIONS.values() for name in s.templates.values()} == set(versions())
    assert {s.templates[Channel.IN_APP] for s in SUBSCRIPTIONS.values()} == set(INBOX)


@pytest.mark.rule("NO-05")
@pytest.mark.parametrize("name, number", ALL)
def test_chinese_first_then_english_and_nothing_left_open(name, number):
    words = render(name, COMMON, number)
    assert (words.template, words.version) == (name, number)
    assert "\n" not in words.subject
    # Among a hundred other mails it says whose it is; in the system's own inbox there are no others.
    assert words.subject.startswith(("【緩徵作業】", "【研究發展費】")) == (name not in INBOX)
    chinese, _, english = words.body.partition(RULER)
    assert any("\u4e00" <= c <= "\u9fff" for c in chinese)
    assert ("請勿直接回覆" in chinese) == (name not in INBOX)
    assert ("個人帳號維護" in chinese) == (name not in INBOX)
    # In the English part only names are Chinese.
    assert not any("\u4e00" <= c <= "\u9fff" for c in "".join(re.split("|".join(NAMES), english)))
    assert not set("{}%") & set(words.subject + words.body)
    # Taiwan's words, not the mainland's.
    assert not [word for word in ("登錄系統", "郵箱", "賬號", "信息", "點擊", "台北") if word in words.body]


@pytest.mark.rule("NO-05")
@pytest.mark.parametrize("name, number, missing", [(n, v, m) for n, v in ALL for m in sorted(_used(n, v))])
def test_a_missing_variable_stops_the_message(name, number, missing):
    with pytest.raises(UndefinedError, match=missing):
        render(name, {k: v for k, v in COMMON.items() if k != missing}, number)


@pytest.mark.rule("NO-05")
@pytest.mark.parametrize("name, number", ALL)
def test_an_id_never_comes_out_whole(name, number):
    planted = {k: "A123456789" if isinstance(v, str) and k != "kind_code" else v for k, v in COMMON.items()}
    words = render(name, planted, number)
    assert "A123456789" not in words.subject + words.body
    assert "A12****789" in words.body


@pytest.mark.rule("NO-05")
def test_the_newest_version_is_taken_and_old_ones_stay():
    assert render("batch_submitted", COMMON) == render("batch_submitted", COMMON, versions()["batch_submitted"][-1])
    with pytest.raises(LookupError):
        render("batch_submitted", COMMON, 999)
    with pytest.raises(LookupError):
        render("no_such_template", COMMON)


def test_every_template_has_its_blocks():
    for name, number in ALL:
        expected = {*BLOCKS, ENGLISH_SUBJECT} if name in INBOX else set(BLOCKS)
        assert set(templating._environment.get_template(f"{name}.{number}").blocks) == expected


@pytest.mark.rule("NO-05")
@pytest.mark.parametrize("name, number", ALL)
def test_a_body_comes_apart_into_its_languages(name, number):
    words = render(name, COMMON | {"reason": told(f"一{RULER}二")}, number)
    chinese, english = by_language(words.body)
    assert f"{chinese}{RULER}{english}\n" == words.body
    assert RULER not in english
    if name in INBOX:
        assert words.subject_en is not None
        assert "\n" not in words.subject_en
        assert "人" not in words.subject_en
    else:
        assert words.subject_en is None


@pytest.mark.parametrize("hostile", ["{{ ''.__class__.__mro__ }}", "{% raw %}", "{{ 7*7 }}"])
def test_values_are_never_templates(hostile):
    assert hostile in render("batch_returned", COMMON | {"reason": hostile}).body
