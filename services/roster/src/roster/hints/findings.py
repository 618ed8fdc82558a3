"""Every finding the legal tests can make, with its words. `school_sees=False`: RO-22, RO-27, RO-29, RO-30, RO-32 and
whatever is read from the registry, because the registry's answer may reveal a conviction (docs/adr/0041)."""

from typing import Final

from roster.hints.hint import Finding

PAST_DRAFTEE_AGE: Final = Finding(
    "past_draftee_age",
    "RO-14",
    "已逾役齡（今年{age}歲，役齡至{last_liable_day}止），非應受徵集之役男。",
    "Past conscription age ({age} this year; liable until {last_liable_day}): not a draftee.",
)
REGISTRY_PENDING: Final = Finding(
    "registry_pending",
    "RO-18",
    "役政資訊系統尚未回復，兵役身分、戶籍、徵集令及僑民役男身分均未查核。",
    "The conscription registry has not answered yet: status, household, induction order and overseas-compatriot "
    "status are not checked.",
    school_sees=False,
)
REGISTRY_UNKNOWN: Final = Finding(
    "registry_unknown",
    "RO-18",
    "役政資訊系統查無此人資料（查詢日期{as_of}），兵役身分、戶籍及徵集令均未查核。",
    "The conscription registry has no data of this man (asked on {as_of}): status, household and induction order are "
    "not checked.",
    school_sees=False,
)
REGISTRY_INCOMPLETE: Final = Finding(
    "registry_incomplete",
    "RO-18",
    "役政資訊系統回復之資料不全（查詢日期{as_of}），下列事項未查核：{missing}。",
    "The conscription registry's answer of {as_of} is incomplete; not checked: {missing_en}.",
    school_sees=False,
)
SCHOOL_NOT_REGISTERED: Final = Finding(
    "school_not_registered",
    "RO-20",
    "肄業學校（{school}）未經主管教育行政機關立案。",
    "The school ({school}) is not registered with the education authority.",
)
ENROLMENT_NOT_RECOGNISED: Final = Finding(
    "enrolment_not_recognised",
    "RO-21",
    "入學學籍未符合主管教育行政機關規定（系科在未經認可之列：{programme_listed}；註記學籍不符：{marked}）。",
    "The enrolment does not meet the education authority's rules (programme listed as unrecognised: "
    "{programme_listed}; marked so: {marked}).",
)
REPEATED_LEVEL: Final = Finding(
    "repeated_level",
    "RO-22",
    "{graduated}畢業（畢業日期：{graduated_on}），未經內政部核定，再就讀相同等級或低於原等級之學校（{level}）。",
    "Graduated from {graduated} (on: {graduated_on}) and enrolled again at the same or a lower level ({level}) without "
    "the Ministry of the Interior's approval.",
    school_sees=False,
)
CONTINUING_SCHOOL_AGE: Final = Finding(
    "continuing_school_age",
    "RO-23",
    "就讀大專校院以下進修學校，年齡{age}歲，逾{limit}歲仍未畢業（{age_rule}）；緩徵至遲至{last_day}止。",
    "At a continuing-education school of college level or below, aged {age}, older than {limit} and not graduated "
    "({age_rule}); a deferment could run to {last_day} at the latest.",
)
CONTINUING_DIVISION: Final = Finding(
    "continuing_division",
    "RO-23",
    "就讀一般學校之進修部，非進修學校，年齡限制適用{limit}歲；緩徵至遲至{last_day}止。",
    "In the continuing division of an ordinary school, which is no continuing-education school: the limit of {limit} "
    "applies; a deferment may run to {last_day} at the latest.",
)
AGE_LIMIT: Final = Finding(
    "age_limit",
    "RO-24",
    "年齡{age}歲，逾{limit}歲仍未畢業（{age_rule}）；緩徵至遲至{last_day}止。",
    "Aged {age}, older than {limit} and not graduated ({age_rule}); a deferment could run to {last_day} at the latest.",
)
EXPERIMENTAL_AGE: Final = Finding(
    "experimental_age",
    "RO-25",
    "參與實驗教育，年齡{age}歲，逾{limit}歲仍未完成（{age_rule}）；緩徵至遲至{last_day}止。",
    "In experimental education, aged {age}, older than {limit} and not completed ({age_rule}); a deferment could run "
    "to {last_day} at the latest.",
)
DEFERMENT_CAPPED: Final = Finding(
    "deferment_capped",
    "RO-26",
    "申請緩徵至{asked}，逾年齡限制（{limit}歲，{age_rule}）；緩徵至遲至{last_day}止。",
    "The deferment is asked until {asked}, past the age limit ({limit}, {age_rule}); it may run to {last_day} at the "
    "latest.",
)
NO_ACTIVE_DEFERMENT: Final = Finding(
    "no_active_deferment",
    "RO-27",
    "送{kind}名冊，惟查無本校（無學籍者，其實驗教育）有效之緩徵（役政資訊系統註記文號：{annotation}）。",
    "A roster of kind {kind}, but no active deferment at this school (or, without enrolment, of his experimental "
    "education) is known (annotation in the registry: {annotation}).",
    school_sees=False,
)
ACTIVE_ELSEWHERE: Final = Finding(
    "active_elsewhere",
    "RO-27",
    "本校（{school}）送{kind}名冊，另有他校（{other_school}）核准有效之緩徵：文號{decision_number}，{since}至{until}。",
    "This school ({school}) filed a roster of kind {kind}, while a deferment at another school ({other_school}) is "
    "active: number {decision_number}, {since} to {until}.",
    school_sees=False,
)
ALREADY_ACTIVE_HERE: Final = Finding(
    "already_active_here",
    "RO-27",
    "本校已有核准有效之緩徵：文號{decision_number}，{since}至{until}；本件核准後，原緩徵即由本件取代。",
    "A deferment at this school is active already: number {decision_number}, {since} to {until}. An approval takes its "
    "place.",
    school_sees=False,
)
LEFT_BEFORE_DEFERMENT: Final = Finding(
    "left_before_deferment",
    "RO-27",
    "離校日期{left_on}早於本校現有緩徵之名冊送達日{filed_on}（文號{decision_number}，{since}至{until}）；"
    "核准本件不廢止該緩徵。",
    "He left on {left_on}, before the roster of his deferment at this school arrived on {filed_on} (number "
    "{decision_number}, {since} to {until}): an approval does not revoke that deferment.",
    school_sees=False,
)
IN_OTHER_ROSTER: Final = Finding(
    "in_other_roster",
    "RO-27",
    "同一役男另列於{other_school}之未核定名冊（{roster}）。",
    "The same man stands on another undecided roster, of {other_school} ({roster}).",
    school_sees=False,
)
LATE: Final = Finding(
    "late",
    "RO-28",
    "逾期{days_late}日：應於{due}前送達，於{received_on}收件。",
    "{days_late} day(s) late: due on {due}, received on {received_on}.",
)
HOUSEHOLD_ELSEWHERE: Final = Finding(
    "household_elsewhere",
    "RO-29",
    "名冊所載戶籍地為{roster_county}，役政資訊系統為{registry_county}（設籍日期：{since}）；應移轉該管直轄市、縣(市)政府，"
    "收件日期不變。",
    "The roster's household is in {roster_county}, the registry's in {registry_county} (since: {since}): transfer to "
    "the right county, the arrival date is kept.",
    school_sees=False,
)
NOT_LIABLE: Final = Finding(
    "not_liable",
    "RO-30",
    "役政資訊系統兵役身分為{status}（查詢日期{as_of}），非應受徵集之役男。",
    "Status in the registry: {status} (asked on {as_of}); not liable for induction.",
    school_sees=False,
)
CESSATION_NOT_LIABLE: Final = Finding(
    "cessation_not_liable",
    "RO-30",
    "役政資訊系統兵役身分為{status}（查詢日期{as_of}）；緩徵原因消滅得予核准，惟不修改緩徵註記。",
    "Status in the registry: {status} (asked on {as_of}); the cessation may be approved, no annotation is changed.",
    school_sees=False,
)
OVERSEAS_COMPATRIOT: Final = Finding(
    "overseas_compatriot",
    "RO-31",
    "具「僑民役男」身分（依{source}）。",
    "An overseas compatriot (by the {source_en}).",
)
OVERSEAS_CONFLICT: Final = Finding(
    "overseas_compatriot_conflict",
    "RO-31",
    "僑民役男身分不一致：名冊為{roster}，役政資訊系統為{registry}。",
    "Overseas-compatriot status differs: roster {roster}, registry {registry}.",
    school_sees=False,
)
INDUCTION_ORDER: Final = Finding(
    "induction_order",
    "RO-32",
    "名冊送達（{received_on}）前已收受徵集令：{order_on}，文號{order_number}；無學校證明書在案。",
    "Holds an induction order of {order_on} (number {order_number}), dated before the roster ({received_on}); no "
    "school certificate is on file.",
    school_sees=False,
)
BIRTH_DATE_DIFFERS: Final = Finding(
    "birth_date_differs",
    "RO-33",
    "出生年月日不一致：名冊為{roster}，役政資訊系統為{registry}。",
    "The birth date differs: roster {roster}, registry {registry}.",
    school_sees=False,
)
STUDY_PERIOD: Final = Finding(
    "study_period",
    "RO-33",
    "修業期間{enrolled_on}至{until}，逾{level}修業年限及延長年限合計{years}年（至{longest_until}）；年限表待主管機關確認。",
    "Study from {enrolled_on} to {until} is longer than the {years} years (to {longest_until}) of {level}, extension "
    "included; the table awaits the ministry's confirmation.",
)
EXTENSION_TERMS: Final = Finding(
    "extension_terms",
    "RO-33",
    "延長至{extended_until}，逾一學期（本學期至{term_end}止）；延長修業應逐學期辦理。",
    "Extended to {extended_until}, longer than one term (this one ends on {term_end}): extensions go term by term.",
)
EXTENSION_NOT_LONGER: Final = Finding(
    "extension_not_longer",
    "RO-33",
    "申請延長至{extended_until}，未逾現有緩徵之末日{until}（文號{decision_number}）；核准後末日不變。",
    "Asked to be extended to {extended_until}, no later than the deferment's present end {until} (number "
    "{decision_number}): an approval leaves that end as it is.",
    school_sees=False,
)
END_ALREADY_PAST: Final = Finding(
    "end_already_past",
    "RO-33",
    "名冊所載緩徵末日{asked}已過。",
    "The day until which the roster asks for a deferment, {asked}, is past.",
)
NOT_YET_DRAFTEE: Final = Finding(
    "not_yet_draftee",
    "RO-33",
    "尚未及役齡（今年{age}歲），自{first_liable_day}起始為役男。",
    "Not yet of conscription age ({age} this year): a draftee from {first_liable_day}.",
)
TRAINING_VOLUNTEER: Final = Finding(
    "training_volunteer",
    "RO-34",
    "志願於寒、暑假期間接受常備兵役軍事訓練；緩徵期間仍受徵集。",
    "Volunteered for basic training in the summer or winter vacation: the deferment does not stop that induction.",
    school_sees=False,
)

CERTIFICATE_DECIDED: Final = Finding(
    "certificate_decided",
    "RO-71",
    "收受徵集令時已檢具證明書，於名冊送達前先行核定（{decided_on}，文號{decision_number}；核准：{approved}）；"
    "已核准者，本件核准即確認原緩徵，文號及發文日期不變。",
    "A certificate was decided ahead of this roster, for he held an induction order (on {decided_on}, number "
    "{decision_number}; approved: {approved}). Where it was approved, an approval here confirms that deferment under "
    "its number and date.",
    school_sees=False,
)

FINDINGS: Final[dict[str, Finding]] = {
    finding.code: finding for finding in tuple(globals().values()) if isinstance(finding, Finding)
}
"""Every finding by its code."""
