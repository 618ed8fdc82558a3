"""The township's word that it made the annotation of Art. 16-1 (RO-72)."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from roster.cases import queries
from roster.cases.models import CaseFile
from roster.cases.schemas import CaseOut
from roster.cases.service.read import get_case
from roster.intake.models import Entry
from roster.intake.rules import CaseKind
from roster.review.states import Decision
from shared import audit
from shared.law import rule
from shared.principals import Principal
from shared.problems import NOT_FOUND, ProblemType

NOTHING_TO_ANNOTATE = ProblemType(
    "nothing_to_annotate",
    409,
    "非寒暑假軍事訓練名冊核定之人員，無須註記",
    "Not a man of a decided list after vacation training: nothing is to be annotated",
)
ANNOTATED_ALREADY = ProblemType("annotated_already", 409, "已完成註記", "The annotation was confirmed already")


@rule("RO-72")
async def confirm_annotation(session: AsyncSession, township: Principal, entry_id: UUID) -> CaseOut:
    """The household's township confirms, once, that it annotated a man (應將相關名冊轉知……公所註記於戶役政資訊系統).

    Raises 404; 409 where nothing is to be annotated, or it was confirmed before.
    """
    found = await session.scalar(select(Entry.id).where(Entry.id == entry_id, *queries.own(township)))
    if found is None:
        raise NOT_FOUND()
    held = select(CaseFile).where(CaseFile.entry_id == entry_id, CaseFile.case_kind == CaseKind.VACATION_TRAINING)
    file = await session.scalar(held.with_for_update())
    told = await get_case(session, township, entry_id)
    if file is None or told.decision is None or told.decision.decision is not Decision.APPROVED:
        raise NOTHING_TO_ANNOTATE()
    if file.annotated_at is not None:
        raise ANNOTATED_ALREADY()
    await session.execute(
        update(CaseFile).where(CaseFile.entry_id == entry_id).values(annotated_at=func.now(), annotated_by=township.sub)
    )
    await audit.record(session, "case.annotated", "entry", entry_id)
    return await get_case(session, township, entry_id)
