"""FastAPI's findings on a request, told as a problem: where, what to do, in two languages, without the input."""

from typing import Any

from fastapi.exceptions import RequestValidationError

from shared.ids import mask_ids_in
from shared.problems import INVALID_CONTENT, NOT_FOUND, Fault, ProblemError
from shared.schemas import ContentError

_TEXTS: dict[str, tuple[str, str]] = {
    "missing": ("缺少必要欄位", "This is required"),
    "extra_forbidden": ("不認得的欄位，請刪除或更正名稱", "Unknown member: remove it or correct its name"),
    "string_too_long": ("文字過長", "The text is too long"),
    "string_too_short": ("文字過短或空白", "The text is too short or empty"),
    "string_type": ("應為文字", "A text is needed"),
    "string_pattern_mismatch": ("格式不符", "The text does not have the required form"),
    "enum": ("不在允許的代碼中", "Not one of the allowed codes"),
    "literal_error": ("不在允許的代碼中", "Not one of the allowed codes"),
    "uuid_parsing": ("不是有效的識別碼", "Not an identifier"),
    "uuid_type": ("不是有效的識別碼", "Not an identifier"),
    "int_parsing": ("應為整數", "A whole number is needed"),
    "int_type": ("應為整數", "A whole number is needed"),
    "int_from_float": ("應為整數", "A whole number is needed"),
    "bool_type": ("應為 true 或 false", "true or false is needed"),
    "bool_parsing": ("應為 true 或 false", "true or false is needed"),
    "greater_than_equal": ("數值過小", "The number is too small"),
    "less_than_equal": ("數值過大", "The number is too large"),
    "too_long": ("項目過多", "Too many items"),
    "too_short": ("項目過少", "Too few items"),
    "list_type": ("應為陣列", "An array is needed"),
    "dict_type": ("應為物件", "An object is needed"),
    "model_type": ("應為物件", "An object is needed"),
    "model_attributes_type": ("應為物件", "An object is needed"),
}


def problem(error: RequestValidationError) -> ProblemError:
    """404 for an id in the path that is none, else 422 with every fault. Unreadable JSON comes no farther than the
    door (`shared.guard`).
    """
    found = error.errors()
    if any(e["loc"] and e["loc"][0] == "path" for e in found):
        return NOT_FOUND()
    return INVALID_CONTENT(errors=[_fault(e) for e in found])


def _fault(error: Any) -> Fault:
    place, *path = error["loc"]
    kind = error["type"]
    if kind in ("too_long", "too_short") and isinstance(error.get("input"), str):
        # What pydantic calls a text whose length it measures after a validator of ours.
        kind = f"string_{kind}"
    message, message_en = _TEXTS.get(kind, ("內容不符規定", "Not acceptable"))
    context = error.get("ctx") or {}
    if isinstance(said := context.get("error"), ContentError):
        message, message_en = said.message, said.message_en
    suggestion = context.get("expected") if kind in ("enum", "literal_error") else None
    if place == "body":
        # A member's name is the sender's as well: only its shape is told when it is a person's number.
        steps = (mask_ids_in(str(p)).replace("~", "~0").replace("/", "~1") for p in path)
        pointer = "".join(f"/{step[:100]}" for step in steps)
        return Fault(kind, message, message_en, pointer=pointer[:500], suggestion=suggestion)
    name = str(path[0])[:100] if path else place
    return Fault(kind, message, message_en, column=name, suggestion=suggestion)
