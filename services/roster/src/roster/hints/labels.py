"""What people read for the codes of the legal tests: Taiwan's official words and plain English."""

from enum import StrEnum
from typing import Final

from roster.hints.model import AgeRule, RegistryStatus, SchoolKind
from roster.intake.rules import CessationReason, Level, RosterKind

_LABELS: Final[dict[type[StrEnum], dict[str, tuple[str, str]]]] = {
    Level: {
        Level.SENIOR_HIGH: ("高級中等學校", "senior high school"),
        Level.JUNIOR_COLLEGE: ("專科", "junior college"),
        Level.BACHELOR: ("學士", "bachelor"),
        Level.MASTER: ("碩士", "master"),
        Level.DOCTORAL: ("博士", "doctoral"),
    },
    RosterKind: {
        RosterKind.APPLICATION: ("申請緩徵", "application"),
        RosterKind.EXTENSION: ("延長修業年限", "extension"),
        RosterKind.REAPPLICATION: ("重新辦理緩徵", "reapplication"),
        RosterKind.CESSATION: ("緩徵原因消滅", "cessation"),
    },
    SchoolKind: {
        SchoolKind.UNIVERSITY: ("大學", "university"),
        SchoolKind.COLLEGE: ("獨立學院", "college"),
        SchoolKind.JUNIOR_COLLEGE: ("專科學校", "junior college"),
        SchoolKind.SENIOR_HIGH: ("高級中等學校", "senior high school"),
        SchoolKind.CONTINUING_SCHOOL: ("進修學校", "continuing-education school"),
        SchoolKind.CONTINUING_COLLEGE: ("進修學院", "continuing-education college"),
        SchoolKind.OTHER: ("其他學校", "other school"),
    },
    RegistryStatus: {
        RegistryStatus.NONE: ("無", "none"),
        RegistryStatus.RESERVIST: ("後備軍人", "reservist"),
        RegistryStatus.REPLACEMENT_SOLDIER: ("補充兵", "replacement soldier"),
        RegistryStatus.SUBSTITUTE_RESERVIST: ("替代役備役", "substitute reservist"),
        RegistryStatus.EXEMPTED: ("免役", "exempted"),
        RegistryStatus.DISQUALIFIED: ("禁役", "disqualified"),
        RegistryStatus.SERVICE_AGE_ENDED: ("除役", "service age ended"),
    },
    CessationReason: {
        CessationReason.GRADUATED: ("畢業", "graduated"),
        CessationReason.ON_LEAVE: ("休學", "on leave"),
        CessationReason.WITHDREW: ("退學", "withdrew"),
        CessationReason.EXPELLED: ("開除學籍", "expelled"),
        CessationReason.EXPERIMENTAL_COMPLETED: ("完成實驗教育", "experimental education completed"),
        CessationReason.EXPERIMENTAL_LEFT: ("退出實驗教育", "left experimental education"),
        CessationReason.EXPERIMENTAL_PERMIT_REVOKED: (
            "廢止辦理實驗教育之許可",
            "experimental-education permit revoked",
        ),
        CessationReason.TRAINED_TO_RESERVE: ("訓練期滿結訓為後備役", "trained, now in the reserve"),
        CessationReason.TRAINED_REPLACEMENT: ("以已訓補充兵列管", "trained replacement soldier"),
    },
    AgeRule: {
        AgeRule.YEAR_END: ("計算至當年12月31日止", "counted to 31 December of the year"),
        AgeRule.BIRTHDAY: ("計算至生日當日止", "counted to the birthday"),
    },
}


def label(code: StrEnum) -> str:
    """The Chinese word of a code; the code itself for an enum without a list here."""
    words = _LABELS.get(type(code))
    return words[code][0] if words else code.value


def label_en(code: StrEnum) -> str:
    """The English word of a code; the code itself for an enum without a list here."""
    words = _LABELS.get(type(code))
    return words[code][1] if words else code.value
