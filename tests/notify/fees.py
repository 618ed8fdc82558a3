"""Events of the fee as their sender makes them."""

import uuid
from typing import Any

from rdss_fee import event_types
from tests.notify.support import event
from tests.support.events_doc import event_types as declared

EMPLOYER = {"employer_code": "12345675", "employer_name": "甲示範科技股份有限公司"}
_NOTICE = {
    "notice_id": "0b8f2c34-0000-4000-8000-00000000000a", "month": "2026-10-01", "amount": 1_033_110,
    "due_on": "2026-10-05",
}  # fmt: skip
_CLAIM = {
    "claim_id": "0b8f2c34-0000-4000-8000-00000000000b", "letter_no": "示範財字第1150000012號", "amount": 30_600,
}  # fmt: skip
_VIOLATION = {
    "violation_id": "0b8f2c34-0000-4000-8000-00000000000c", "notice_id": _NOTICE["notice_id"], "month": "2026-10-01",
    "reference_on": "2026-10-05",
}  # fmt: skip
DATA: dict[str, dict[str, Any]] = {
    "notice.issued": {**_NOTICE, "issued_on": "2026-09-15"},
    "notice.reminded": {**_NOTICE, "paid": 33_110, "outstanding": 1_000_000},
    "notice.overdue": {**_NOTICE, "paid": 33_110, "outstanding": 1_000_000},
    "receipt.issued": {
        "receipt_id": "0b8f2c34-0000-4000-8000-00000000000d", "number": "115-000042", "amount": 1_033_110,
        "posted_on": "2026-10-02",
    },
    "refund.decided": {**_CLAIM, "approved": False, "reason": "退款收據未用印", "decided_on": "2026-09-15"},
    "refund.paid": {**_CLAIM, "paid_on": "2026-09-15"},
    "refund.bounced": {**_CLAIM, "reason": "帳號已結清", "bounced_on": "2026-09-15"},
    "violation.found": {**_VIOLATION, "amount": 1_033_110, "paid": 33_110},
    "violation.annulled": {**_VIOLATION, "reason": "銀行系統異常", "annulled_on": "2026-11-02"},
}  # fmt: skip
TYPES = {kind.name.split(".", 2)[2].removesuffix(".v1"): kind for kind in declared() if kind.source == "/rdss-fee"}
assert {kind.data.__module__ for kind in TYPES.values()} == {event_types.__name__}


def of_fee(act: str, **changes: Any) -> dict[str, Any]:
    """Data of an event of the fee, through the sender's own model."""
    return TYPES[act].data.model_validate({**EMPLOYER, **DATA[act], **changes}).model_dump(mode="json")


def fee_event(act: str, **changes: Any) -> dict[str, Any]:
    """A CloudEvent of the fee."""
    made = event("submitted", {"batch_id": str(uuid.uuid4())})
    return made | {"source": "/rdss-fee", "type": TYPES[act].name, "data": of_fee(act, **changes)}
