"""Filing what no school files: it becomes a roster like any other, with a file beside each man (docs/adr/0047)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from roster import event_types
from roster.cases import queries
from roster.cases.models import CaseFile
from roster.cases.rules import FILED_UNDER, camp_faults, term_of
from roster.cases.schemas import CaseIn, CertificateCaseIn, SchoolCertificateIn, TrainingListIn
from roster.cases.service.read import get_case
from roster.cases.service.stated import Form
from roster.intake import service as intake
from roster.intake.filing import Certificate, Filer, name_of
from roster.intake.reading import Submission as FileRead
from roster.intake.rows import Row
from roster.intake.rules import CERTIFICATES, CaseKind, Reporter, RosterKind
from roster.reference import service as reference
from roster.versions.past import table_of
from shared import audit, clock, events, jobs
from shared.idempotency import REPLAYED, Reply
from shared.law import rule
from shared.places import COUNTIES, TOWNSHIPS
from shared.principals import Principal
from shared.problems import ProblemType

CERTIFICATE_MISSING = ProblemType(
    "certificate_missing", 422, "未檢附證明文件，不得受理", "Without the certificate it cannot be taken in"
)
_CHARSET = "utf-8"


@rule("RO-70")
async def file_case(session: AsyncSession, township: Principal, body: CaseIn) -> Reply:
    """A township files a student of its households who is enrolled nowhere (Art. 11-2, 14-2, 14-3).

    Raises 422 `certificate_missing` with the article, and for what is wrong with the man.
    """
    case = CaseKind.EXPERIMENTAL_EDUCATION
    if body.certificate is None:
        raise _missing(case, RosterKind(body.kind))
    form, paper = Form(), body.certificate
    ends = {"extended_until" if body.kind is RosterKind.EXTENSION else "expected_graduation_on": paper.plan_until}
    _check_paper(form, paper)
    row = _row(form, township, body, {"enrolled_on": paper.plan_from, **ends, "remarks": body.remarks})
    evidence = {**_evidence(body.relation, paper), "plan_from": paper.plan_from, "plan_until": paper.plan_until}
    return await _file_one(session, township, case, RosterKind(body.kind), row, Certificate(paper.issued_on), evidence)


@rule("RO-71")
async def hand_in_certificate(session: AsyncSession, township: Principal, body: CertificateCaseIn) -> Reply:
    """A township hands in the certificate of a man who received an induction order (Art. 12); decided on its own.

    Raises 422 `certificate_missing` with the article, and for what is wrong with the man or his certificate.
    """
    if body.certificate is None:
        raise _missing(CaseKind.SCHOOL_CERTIFICATE, RosterKind.APPLICATION)
    form, paper, order = Form(), body.certificate, body.induction_order
    if order.issued_on > clock.today():
        form.add("order_in_future", "徵集令日期晚於今日", "The order lies in the future", "/induction_order/issued_on")
    evidence = {"order_no": order.number, "order_on": order.issued_on}
    _check_paper(form, paper)
    if isinstance(paper, SchoolCertificateIn):
        case, certificate = CaseKind.SCHOOL_CERTIFICATE, Certificate(paper.issued_on, paper.school_code)
        school = await reference.school_facts(session, paper.school_code, clock.today())
        if school is None:
            form.add("school_unknown", "學校名錄查無此校", "No such school is in the list", "/certificate/school_code")
        evidence |= _evidence(body.relation, paper, "" if school is None else school[0].name)
        stated = paper.model_dump(exclude={"by", "school_code", "number", "issued_on"})
    else:
        case, certificate = CaseKind.EXPERIMENTAL_CERTIFICATE, Certificate(paper.issued_on)
        evidence |= {**_evidence(body.relation, paper), "plan_from": paper.plan_from, "plan_until": paper.plan_until}
        stated = {"enrolled_on": paper.plan_from, "expected_graduation_on": paper.plan_until}
    row = _row(form, township, body, {**stated, "remarks": body.remarks})
    return await _file_one(session, township, case, RosterKind.APPLICATION, row, certificate, evidence)


@rule("RO-70", "RO-04")
async def report_cessations(session: AsyncSession, authority: Principal, read: FileRead) -> Reply:
    """An education authority notifies the counties of men who completed, left or lost the permit (Art. 16-1, 16-3)."""
    filer = Filer.of(authority, CaseKind.EXPERIMENTAL_EDUCATION)
    taken = await _take(session, authority, filer, RosterKind.CESSATION, read, [{}] * len(read.rows))
    return await intake.told(session, authority, taken, "/roster/v1/cases")


@rule("RO-72")
async def list_trained(session: AsyncSession, officer: Principal, body: TrainingListIn) -> Reply:
    """A case officer lists men of the county's households after vacation training (Art. 16-1); approved like a roster.

    Raises 422 naming every fault: a man of another county, a training interrupted within thirty days.
    """
    form = Form()
    rows: list[Row] = []
    seen: set[str] = set()
    for number, man in enumerate(body.men, 1):
        pointer = f"/men/{number - 1}"
        town = TOWNSHIPS.get(man.township_code)
        if town is not None and town.county_code != officer.org.code:
            here = COUNTIES[officer.org.code].name if officer.org.code in COUNTIES else officer.org.code
            form.add(
                "not_your_household",
                f"非{here}之戶籍；請由其戶籍地直轄市、縣(市)政府造冊（第16條之1）。",
                "His household is another county's, which lists him itself (Article 16-1).",
                f"{pointer}/township_code",
            )
        form.faults += camp_faults(man.reason, man.days_in_camp, clock.today(), pointer)
        row = form.row(
            number, man, man.township_code, Reporter.COUNTY, pointer, cessation_reason=man.reason, left_on=man.ended_on
        )
        if row is None:
            continue
        if row.national_id in seen:
            form.add("national_id_repeated", "同一人重複列冊", "He stands here twice", f"{pointer}/national_id")
        seen.add(row.national_id)
        rows.append(row)
    form.raise_if_any()
    filer = Filer.of(officer, CaseKind.VACATION_TRAINING)
    beside = [{"days_in_camp": man.days_in_camp} for man in body.men]
    taken = await _take(session, officer, filer, RosterKind.CESSATION, FileRead(tuple(rows), _CHARSET, ()), beside)
    return await intake.told(session, officer, taken, "/roster/v1/cases")


def _missing(case: CaseKind, kind: RosterKind) -> Exception:
    cited = FILED_UNDER[case, kind]
    return CERTIFICATE_MISSING(
        detail=f"應檢附證明文件（{cited.text}）；請補附後再送。",
        detail_en=f"The certificate must be handed in ({cited.text_en}): add it and send again.",
    )


def _evidence(relation: str, paper: Any, issuer: str | None = None) -> dict[str, Any]:
    return {
        "relation": relation,
        "issuer": paper.issuer if issuer is None else issuer,
        "certificate_no": paper.number,
        "certificate_on": paper.issued_on,
    }


def _check_paper(form: Form, paper: Any) -> None:
    if paper.issued_on > clock.today():
        form.add(
            "certificate_in_future",
            "證明文件日期晚於今日",
            "The certificate lies in the future",
            "/certificate/issued_on",
        )
    if not isinstance(paper, SchoolCertificateIn) and paper.plan_until < paper.plan_from:
        form.add(
            "plan_ends_before_it_begins",
            "計畫期程之末日早於首日",
            "The plan ends before it begins",
            "/certificate/plan_until",
        )


def _row(form: Form, township: Principal, body: CaseIn | CertificateCaseIn, stated: Mapping[str, Any]) -> Row:
    """The man's row, of the calling township's households: 向戶籍地鄉(鎮、市、區)公所申請."""
    row = form.row(1, body.student, township.org.code, Reporter.MAN, "/student", **stated)
    form.raise_if_any()
    assert row is not None
    return row


async def _file_one(
    session: AsyncSession,
    township: Principal,
    case: CaseKind,
    kind: RosterKind,
    row: Row,
    certificate: Certificate,
    evidence: Mapping[str, Any],
) -> Reply:
    filer = Filer.of(township, case)
    read = FileRead((row,), _CHARSET, ())
    taken = await _take(session, township, filer, kind, read, [evidence], (certificate,))
    (entry_id,) = await queries.entries_of(session, taken.id)
    told = await get_case(session, township, entry_id)
    if taken.again:
        return Reply(told, 200, {REPLAYED: "true"})
    return Reply(told, 201, {"Location": f"/roster/v1/cases/{entry_id}"})


async def _take(
    session: AsyncSession,
    sender: Principal,
    filer: Filer,
    kind: RosterKind,
    read: FileRead,
    evidence: Sequence[Mapping[str, Any]],
    certificates: tuple[Certificate, ...] = (),
) -> intake.Taken:
    """Take the men in as a roster of today's term, each with his file, and tell the counties."""
    year, term = term_of(clock.today())
    beside = msgspec.json.encode([filer.case, *evidence])
    taken = await intake.take_in(session, sender, intake.Posted(kind, year, term, read, certificates, beside), filer)
    if taken.again:
        return taken
    files = [
        {
            "entry_id": man.id,
            "national_id_index": man.man,
            "county_code": man.stated.county_code,
            "township_code": man.stated.township_code,
            "filer_type": filer.type,
            "filer_code": filer.code,
            "case_kind": filer.case,
            **of_man,
        }
        for man, of_man in zip(taken.men, evidence, strict=True)
    ]
    await session.execute(insert(table_of(CaseFile)), files)
    if filer.type == Reporter.COUNTY:
        return taken
    rosters: dict[UUID, list[str]] = {}
    for man in taken.men:
        rosters.setdefault(man.roster_id, []).append(man.stated.county_code)
    for roster_id, men in rosters.items():
        await audit.record(session, "case.filed", "roster", roster_id, {"case_kind": filer.case, "men": len(men)})
        filed = event_types.CaseFiledData(
            roster_id=roster_id,
            county_code=men[0],
            school_name=name_of(str(filer.type), str(filer.code)),
            kind=kind,
            academic_year=year,
            term=term,
            case_kind=filer.case,
            urgent=filer.case in CERTIFICATES,
            headcount=len(men),
        )
        priority = jobs.URGENT if filed.urgent else jobs.NORMAL
        await events.publish(session, event_types.CASE_FILED, roster_id, filed, priority=priority)
    return taken
