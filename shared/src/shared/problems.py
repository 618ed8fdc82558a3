"""Refusals as RFC 9457 problem documents, in zh-TW and English, each with a stable code.

A `ProblemType` is declared once beside the code that raises it; calling it makes the exception:

    TERM_UNKNOWN = ProblemType("term_unknown", 422, "尚未設定學期註冊截止日", "The term has no registration deadline")
    raise TERM_UNKNOWN(detail="…", detail_en="…")

What a problem says is shown to the client as it stands: never put personal data into it. `Fault.value` is masked
by whoever makes the fault.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from shared.ids import mask_ids_in

MAX_LISTED = 1_000
MEDIA_TYPE = "application/problem+json"
_IN_A_PATH = "/!$&'()*+,;=:@~"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to change: where it is (sheet, row, column or JSON pointer), what is wrong, what to do.

    `row` counts as the user's program shows it; `value` is what was found there, masked where personal.
    """

    code: str
    message: str
    message_en: str
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    pointer: str | None = None
    value: str | None = None
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of refusal: stable `code`, HTTP `status`, title in zh-TW and English."""

    code: str
    status: int
    title: str
    title_en: str

    catalogue: ClassVar[dict[str, "ProblemType"]] = {}

    def __post_init__(self) -> None:
        known = self.catalogue.setdefault(self.code, self)
        if known != self:
            raise ValueError(f"The problem code {self.code} is already taken.")

    def __call__(
        self,
        *,
        detail: str | None = None,
        detail_en: str | None = None,
        errors: Sequence[Fault] = (),
        error_count: int | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> "ProblemError":
        """The exception to raise; `extra` members are added to the document as they are."""
        return ProblemError(
            self,
            detail=detail,
            detail_en=detail_en,
            errors=tuple(errors),
            error_count=len(errors) if error_count is None else error_count,
            headers=dict(headers or {}),
            extra=extra,
        )


@dataclass(slots=True, eq=False)
class ProblemError(Exception):
    """A refusal on its way to the client; the transaction it interrupts is rolled back."""

    type: ProblemType
    detail: str | None = None
    detail_en: str | None = None
    errors: tuple[Fault, ...] = ()
    error_count: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    file: tuple[bytes, str, str] | None = None
    """What is sent in place of the document, if the client asked for it (`Accept`): a file, its type, its name."""

    def __str__(self) -> str:
        return f"{self.type.status} {self.type.code}"

    def document(self, instance: str) -> dict[str, Any]:
        """The problem document; `instance` is the path of the request as an address is written (RFC 3986), at most
        2,000 characters of it, without anybody's number. At most 1,000 faults are listed.
        """
        body: dict[str, Any] = {
            "type": f"urn:muster:problem:{self.type.code}",
            "title": self.type.title,
            "title_en": self.type.title_en,
            "status": self.type.status,
            "code": self.type.code,
            "instance": quote(mask_ids_in(instance), safe=_IN_A_PATH, errors="replace")[:2_000],
            "errors": [{k: v for k, v in asdict(fault).items() if v is not None} for fault in self.errors[:MAX_LISTED]],
            "error_count": self.error_count,
        }
        if self.detail is not None:
            body["detail"] = self.detail
        if self.detail_en is not None:
            body["detail_en"] = self.detail_en
        return body | self.extra

    def encode(self, instance: str) -> bytes:
        """The document as UTF-8 JSON."""
        return msgspec.json.encode(self.document(instance))


UNAUTHENTICATED = ProblemType("unauthenticated", 401, "未登入或權杖無效", "No valid access token")
FORBIDDEN = ProblemType("forbidden", 403, "您的角色不得執行此作業", "Your role may not do this")
FOUR_EYES = ProblemType(
    "four_eyes",
    403,
    "須由另一人辦理：不得變更或核定自己經辦的案件",
    "Somebody else has to: nobody decides on his own work",
)
# One body for what does not exist and for what belongs to another organisation: neither may be told apart.
NOT_FOUND = ProblemType("not_found", 404, "查無資料", "Not found")
METHOD_NOT_ALLOWED = ProblemType("method_not_allowed", 405, "不支援的請求方法", "Method not allowed")
NOT_ACCEPTABLE = ProblemType("not_acceptable", 406, "無法提供所要求的格式", "That representation is not offered")
CONFLICT = ProblemType("conflict", 409, "資料目前的狀態不允許此作業", "The current state does not allow this")
PRECONDITION_FAILED = ProblemType(
    "version_mismatch", 412, "資料已被他人變更，請重新讀取後再試", "Changed by someone else since you read it"
)
PRECONDITION_REQUIRED = ProblemType(
    "if_match_required", 428, "請以 If-Match 標頭載明所見版本", "State the version you saw in If-Match"
)
BAD_SYNTAX = ProblemType("bad_syntax", 400, "請求格式錯誤", "The request cannot be read")
TOO_LARGE = ProblemType("too_large", 413, "請求內容過大", "The request is too large")
UNSUPPORTED_TYPE = ProblemType(
    "unsupported_media_type", 415, "不支援的內容類型或字元編碼", "Unsupported media type or character set"
)
INVALID_CONTENT = ProblemType("invalid_content", 422, "內容不符規定，請依所列逐項修正", "Content to be corrected")
TOO_MANY_REQUESTS = ProblemType("too_many_requests", 429, "請求過於頻繁，請稍後再試", "Too many requests")
IDEMPOTENCY_KEY_MISSING = ProblemType(
    "idempotency_key_missing", 400, "請以 Idempotency-Key 標頭識別本次請求", "Send an Idempotency-Key header"
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    "idempotency_key_reused",
    422,
    "此 Idempotency-Key 已用於不同內容的請求",
    "That Idempotency-Key was used for a different request",
)
IDEMPOTENCY_BUSY = ProblemType("idempotency_busy", 409, "相同的請求正在處理中", "The same request is being processed")
INTERNAL = ProblemType("internal_error", 500, "系統發生錯誤，已記錄", "An internal error, which was recorded")
UPSTREAM_FAILED = ProblemType("upstream_failed", 502, "後端服務回應異常", "An upstream service failed")
UNAVAILABLE = ProblemType("unavailable", 503, "服務暫時無法使用，請稍後再試", "Temporarily unavailable; try again")
UPSTREAM_TIMEOUT = ProblemType("upstream_timeout", 504, "後端服務逾時", "An upstream service took too long")
