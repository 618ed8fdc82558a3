"""What this service takes from the others, and what it then does (NO-01).

The senders' event types are theirs; here stands what this service reads of them. A test holds both together.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from notify.directory import service as directory
from notify.directory.schemas import AccountChanged
from notify.facts import Facts
from notify.fee_events import FEES
from notify.inbox import service as inbox
from notify.messages import service as messages
from notify.reading import Reading, Told, ToldLine
from notify.subscriptions import SUBSCRIPTIONS, Channel, Subscription
from shared.events import Receive
from shared.places import county_by_code
from shared.roc import roc_long
from shared.schemas import Bool, Code, In, Int, LocalDate

Count = Annotated[Int, Field(ge=0, le=1_000_000)]
KINDS: Mapping[str, tuple[str, str]] = {
    "application": ("申請緩徵名冊", "application for deferment"),
    "extension": ("延長修業年限名冊", "extension of the study period"),
    "reapplication": ("重新辦理緩徵名冊", "renewed application for deferment"),
    "cessation": ("緩徵原因消滅名冊", "cessation of deferment"),
}


class RosterFacts(Facts):
    """What every event about a roster or a part of it tells."""

    roster_id: UUID
    county_code: Code
    # None: no school filed it, and the name is that of who did.
    school_code: Code | None = None
    school_name: ToldLine
    kind: Code
    academic_year: Int
    term: Int

    def variables(self) -> dict[str, Any]:
        """What the templates may speak of."""
        county = county_by_code(self.county_code)
        kind, kind_en = KINDS.get(self.kind, (self.kind, self.kind))
        return self.model_dump() | {
            "kind": kind,
            "kind_code": self.kind,
            "kind_en": kind_en,
            "county": f"{county.name}政府" if county else self.county_code,
            "county_en": f"{county.name_en} Government" if county else self.county_code,
        }

    @property
    def about(self) -> UUID:
        """The thing the event is about."""
        return self.roster_id

    def concerns(self, opens: str) -> dict[str, Any]:
        """What a reader needs to open the thing, at the path that `opens` describes."""
        members = {"roster_id", "batch_id", "county_code", "school_code", "kind", "academic_year", "term"}
        told = self.model_dump(mode="json", include=members)
        return told | {"href": opens.format(**told)}


class RosterCorrected(RosterFacts):
    """A school sent a new version."""

    version: Count
    opened: Bool
    kept: Count
    changed: Count
    added: Count
    dropped: Count


class RosterWithdrawn(RosterFacts):
    """A school took a roster back."""

    headcount: Count


class BatchFacts(RosterFacts):
    """What every event about a batch tells."""

    batch_id: UUID

    @property
    def about(self) -> UUID:
        """The batch."""
        return self.batch_id


class BatchSubmitted(BatchFacts):
    """A batch waits for the approvers."""

    headcount: Count


class BatchRecalled(BatchFacts):
    """A batch no longer waits."""

    headcount: Count


class BatchReturned(BatchFacts):
    """Entries came back to the case officers."""

    entry_count: Count
    whole: Bool
    reason: Told | None = None


class BatchDecided(BatchFacts):
    """The school's results."""

    approved: Count
    rejected: Count
    corrected: Count = 0
    remedy_days: Count = 0
    decided_on: LocalDate

    def variables(self) -> dict[str, Any]:
        """With the day as officials write it."""
        return super().variables() | {"decided_on_roc": f"民國{roc_long(self.decided_on)}"}


CASES: Mapping[str, tuple[str, str]] = {
    "experimental_education": ("未入學高級中等學校之實驗教育緩徵", "experimental education without enrolment"),
    "school_certificate": ("收受徵集令後之學校證明書", "school's certificate after an induction order"),
    "experimental_certificate": (
        "收受徵集令後之實驗教育證明文件",
        "education authority's certificate after an induction order",
    ),
}


class CaseFacts(Reading):
    """What others than schools file (RO-70, RO-71)."""

    case_kind: Code

    def case_words(self) -> dict[str, Any]:
        """Its name in both languages."""
        case, case_en = CASES.get(self.case_kind, (self.case_kind, self.case_kind))
        return {"case": case, "case_en": case_en}


class CaseFiled(CaseFacts, RosterFacts):
    """A township or education authority filed men."""

    urgent: Bool
    headcount: Count

    def variables(self) -> dict[str, Any]:
        """With what it is."""
        return super().variables() | self.case_words()


class CaseDecided(CaseFacts, BatchDecided):
    """What became of a township's filing."""

    township_code: Code

    def variables(self) -> dict[str, Any]:
        """With what it is."""
        return super().variables() | self.case_words()


class NoticeDecided(BatchDecided):
    """What became of an education authority's notice."""

    authority_code: Code


class TrainingForwarded(BatchFacts):
    """Men whom a township is to annotate."""

    township_code: Code
    headcount: Count
    decided_on: LocalDate

    def variables(self) -> dict[str, Any]:
        """With the day as officials write it."""
        return super().variables() | {"decided_on_roc": f"民國{roc_long(self.decided_on)}"}


class Tell:
    """Takes events of one subscription: a message by each of its channels to each account that is to be told."""

    ORG_CODE: ClassVar[Mapping[str, str]] = {
        "county": "county_code",
        "school": "school_code",
        "township": "township_code",
        "education_authority": "authority_code",
        "employer": "employer_code",
    }

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription

    async def __call__(self, session: AsyncSession, at: datetime, data: Facts) -> None:
        """Make the messages about `data`, which happened at `at`, and place those for the inbox in it."""
        org_code: str = getattr(data, self.ORG_CODE[self.subscription.org_type])
        variables = data.variables() | {
            "basis": self.subscription.basis.text,
            "basis_en": self.subscription.basis.text_en,
        }
        occasion = messages.Occasion(at, data.about, org_code, variables)
        written = await messages.write(session, self.subscription, occasion)
        in_app = [message for message in written if message.channel == Channel.IN_APP]
        await inbox.place(session, in_app, data.concerns(self.subscription.opens))


_ROSTERS: Mapping[str, type[RosterFacts]] = {
    "muster.roster.roster.corrected.v1": RosterCorrected,
    "muster.roster.roster.withdrawn.v1": RosterWithdrawn,
    "muster.roster.batch.submitted.v1": BatchSubmitted,
    "muster.roster.batch.recalled.v1": BatchRecalled,
    "muster.roster.batch.returned.v1": BatchReturned,
    "muster.roster.batch.decided.v1": BatchDecided,
    "muster.roster.case.filed.v1": CaseFiled,
    "muster.roster.case.decided.v1": CaseDecided,
    "muster.roster.notice.decided.v1": NoticeDecided,
    "muster.roster.training_list.forwarded.v1": TrainingForwarded,
}

HANDLERS: Mapping[str, tuple[type[In], Receive]] = {
    "muster.identity.account.changed.v1": (AccountChanged, directory.remember_account),
    **{name: (schema, Tell(SUBSCRIPTIONS[name])) for name, schema in (*_ROSTERS.items(), *FEES.items())},
}
