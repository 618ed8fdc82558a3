"""Empty rosters to fill in, one a kind: the headings that intake reads, its words in lists, all cells text (RO-07)."""

from collections.abc import Iterable

from roster.intake.checker import KIND_NAMES
from roster.intake.columns import BY_FIELD, COLUMNS, Column
from roster.intake.deadlines import may_report
from roster.intake.labels import DIVISIONS, LEVELS, REASONS
from roster.intake.rules import Reporter, RosterKind
from shared.law import rule
from shared.papers import document

BLANK_ROWS = 2_000
_FLAG = ("是", "否")
# How each kind of cell is to be written, by its column; those not named are plain text.
_HOW = {
    "national_id": "1 個英文字母加 9 個數字",
    "name": "與身分證相同",
    "birth_date": "民國或西元，如 095/01/31、2006-01-31",
    "household": "縣市、鄉鎮市區、村里，如 臺北市大安區龍安里",
    "nominal_years": "1 至 8",
    "department_class_year": "系科之後加年級，如 資訊工程學系三年級",
    "student_no": "照學校所編，開頭的 0 不省略",
    "enrolled_on": "如 113/09/09",
    "expected_graduation_on": "如 117/06/30；只填 117/06 為該月末日",
    "extended_until": "如 118/01/31；只填 118/01 為該月末日",
    "left_on": "如 115/06/30，不得晚於今日",
}


def columns(kind: RosterKind) -> tuple[Column, ...]:
    """The columns of a roster of `kind`; where the paper roster has one cell for several, it stands for them."""
    combined = {field for column in COLUMNS if column.combined for field in column.writes}
    return tuple(
        column for column in COLUMNS if kind in column.allowed and (column.combined or column.field not in combined)
    )


def choices(column: Column) -> tuple[str, ...]:
    """The words that a coded cell of a school may hold; none where it is free."""
    if column.written == "flag":
        return _FLAG
    if column.field == "cessation_reason":
        return tuple(words[0] for reason, words in REASONS.items() if may_report(reason, Reporter.SCHOOL))
    if column.field in ("level", "prior_graduated_level"):
        return tuple(words[0] for words in LEVELS.values())
    return tuple(words[0] for words in DIVISIONS.values()) if column.field == "division" else ()


@rule("RO-07")
def template(kind: RosterKind, made_at: int) -> document.Document:
    """The template of `kind`; `made_at` as in `Document`."""
    name = KIND_NAMES[kind]
    written = tuple(document.Column(column.headings[0], choices=choices(column)) for column in columns(kind))
    return document.Document(name, name, (), written, made_at, BLANK_ROWS, tuple(_instructions(kind)))


def _instructions(kind: RosterKind) -> Iterable[str]:
    yield f"{KIND_NAMES[kind]}　填表說明"
    yield "一、每列一名學生；請勿更動第一列的欄位名稱。選填欄位可留空，亦可整欄刪除。"
    yield "二、所有儲存格均為文字格式，開頭的 0 不會遺失；請以「貼上值」貼入資料，勿填公式。"
    yield "三、填妥後存檔，以 XLSX 或 ODS 上傳；任何一格有誤則整份不收件，並逐格告知應更正之處。"
    yield "四、各欄說明："
    for column in columns(kind):
        needed = "必填" if _required(column, kind) else "選填"
        words = choices(column)
        how = f"，請選填：{'、'.join(words)}" if words else f"，{_HOW[column.field]}" if column.field in _HOW else ""
        yield f"　「{column.headings[0]}」欄：{needed}{how}"


def _required(column: Column, kind: RosterKind) -> bool:
    return any(kind in BY_FIELD[field].required for field in column.writes if field in BY_FIELD)
