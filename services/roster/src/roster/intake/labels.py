"""The words a roster may use for its coded columns, and the code meant by words it may not use.

A label is compared without blanks, hyphens, underscores, width and case. SOURCE: contract.md "Roster columns";
facts.md 3.5 (public vocabulary of 學制班別); 免役禁役緩徵緩召實施辦法 Art. 16 and 16-1 for the reasons.
"""

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar

from roster.intake.faults import CellError
from roster.intake.rules import CessationReason, Division, Level

EnumT = TypeVar("EnumT", bound=StrEnum)

LEVELS: Mapping[Level, tuple[str, ...]] = {
    Level.SENIOR_HIGH: ("高級中等學校", "高中", "高職", "高中職", "高中部", "綜合高中"),
    Level.JUNIOR_COLLEGE: ("專科", "專科部", "二專", "五專", "副學士", "副學士班"),
    Level.BACHELOR: ("學士班", "學士", "大學", "大學部", "四技", "二技", "學士後"),
    Level.MASTER: ("碩士班", "碩士"),
    Level.DOCTORAL: ("博士班", "博士"),
}
DIVISIONS: Mapping[Division, tuple[str, ...]] = {
    Division.DAY: ("日間部", "日間", "日間學制"),
    Division.CONTINUING: ("進修部", "進修", "進修學制"),
}
REASONS: Mapping[CessationReason, tuple[str, ...]] = {
    CessationReason.GRADUATED: ("畢業",),
    CessationReason.ON_LEAVE: ("休學",),
    CessationReason.WITHDREW: ("退學",),
    CessationReason.EXPELLED: ("開除學籍", "開除", "經開除學籍"),
    CessationReason.EXPERIMENTAL_COMPLETED: ("完成實驗教育",),
    CessationReason.EXPERIMENTAL_LEFT: ("退出實驗教育", "同意退出實驗教育"),
    CessationReason.EXPERIMENTAL_PERMIT_REVOKED: ("廢止實驗教育許可", "廢止辦理實驗教育之許可"),
    CessationReason.TRAINED_TO_RESERVE: ("訓練期滿結訓為後備役", "結訓為後備役"),
    CessationReason.TRAINED_REPLACEMENT: ("以已訓補充兵列管", "已訓補充兵"),
}

# Words seen in other systems. They are not accepted, because a guess would stand in a legal record, but the sender
# is told the code.
_MEANT: Mapping[str, StrEnum] = {
    "phd": Level.DOCTORAL,
    "ph.d": Level.DOCTORAL,
    "ph.d.": Level.DOCTORAL,
    "doctor": Level.DOCTORAL,
    "doctorate": Level.DOCTORAL,
    "graduate": Level.MASTER,
    "研究所": Level.MASTER,
    "undergraduate": Level.BACHELOR,
    "university": Level.BACHELOR,
    "college": Level.BACHELOR,
    "associate": Level.JUNIOR_COLLEGE,
    "highschool": Level.SENIOR_HIGH,
    "vocational": Level.SENIOR_HIGH,
    "夜間部": Division.CONTINUING,
    "夜間": Division.CONTINUING,
    "在職專班": Division.CONTINUING,
    "night": Division.CONTINUING,
    "evening": Division.CONTINUING,
    "daytime": Division.DAY,
    "fulltime": Division.DAY,
    "leave": CessationReason.ON_LEAVE,
    "suspended": CessationReason.ON_LEAVE,
    "withdrawn": CessationReason.WITHDREW,
    "dropout": CessationReason.WITHDREW,
    "graduation": CessationReason.GRADUATED,
}

_GAPS = re.compile(r"[\s_\-‐-―]+")


def folded(text: str) -> str:
    """The form in which labels and headings are compared; never the form in which anything is kept."""
    return _GAPS.sub("", unicodedata.normalize("NFKC", text)).casefold().replace("台", "臺")


def _reader(labels: Mapping[EnumT, tuple[str, ...]], code: str, name: str, name_en: str) -> Callable[[str], EnumT]:
    known: dict[str, EnumT] = {}
    for member, words in labels.items():
        for word in (member.value, *words):
            known[folded(word)] = member
    kinds = {type(member) for member in labels}
    choices = "、".join(f"{member.value}（{words[0]}）" for member, words in labels.items())
    choices_en = ", ".join(member.value for member in labels)

    def meant(key: str) -> str | None:
        word = _MEANT.get(key)
        if type(word) in kinds:
            return word
        near = difflib.get_close_matches(key[:40], known, n=1, cutoff=0.6)
        return known[near[0]].value if near else None

    def read(text: str) -> EnumT:
        key = folded(text)
        found = known.get(key)
        if found is not None:
            return found
        raise CellError(
            code,
            f"{name}不在代碼表內，請填下列之一：{choices}。",
            f"Unknown {name_en}. Write one of: {choices_en}.",
            lambda: meant(key),
        )

    return read


read_level = _reader(LEVELS, "level_unknown", "學制", "level")
read_division = _reader(DIVISIONS, "division_unknown", "部別", "division")
read_reason = _reader(REASONS, "cessation_reason_unknown", "原因", "cessation_reason")

_YES = frozenset(map(folded, ("true", "是", "y", "yes", "1", "v")))
_NO = frozenset(map(folded, ("false", "否", "n", "no", "0")))


def read_flag(text: str) -> bool:
    """是/否, Y/N, true/false, 1/0. An empty cell never gets here: it stays unknown, which is not 否."""
    key = folded(text)
    if key in _YES:
        return True
    if key in _NO:
        return False
    raise CellError("flag_unknown", "請填「是」或「否」，或留空。", "Write true or false, or leave it empty.")
