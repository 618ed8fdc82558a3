"""Templates: bilingual, versioned, strict (NO-05)."""

import hashlib
from importlib.resources import files

import pytest
from jinja2 import UndefinedError, meta

from notify import templating
from notify.reading import told
from notify.subscriptions import SUBSCRIPTIONS, Channel
from notify.templating import BLOCKS, ENGLISH_SUBJECT, RULER, by_language, render, versions

# A published version is never edited: a message says which one it was made from. New words are a new file.
PUBLISHED = {
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
    "basis": "免役禁役緩徵緩召實施辦法第13條第1項",
    "basis_en": "Article 13",
}
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
    assert words.subject.startswith("【緩徵作業】") == (name not in INBOX)
    chinese, _, english = words.body.partition(RULER)
    assert any("\u4e00" <= c <= "\u9fff" for c in chinese)
    assert ("請勿直接回覆" in chinese) == (name not in INBOX)
    assert ("個人帳號維護" in chinese) == (name not in INBOX)
    # In the English part only names are Chinese.
    assert not any("\u4e00" <= c <= "\u9fff" for c in english.replace("國立臺灣大學", "").replace("請補附畢業證書", ""))
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
