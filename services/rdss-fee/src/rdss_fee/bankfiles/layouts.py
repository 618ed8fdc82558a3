"""Layouts of posting files, as data: which bytes of a line, or which column of a CSV, say what (FE-32).

A fixed-width line is cut by bytes, not by characters: a payer's name in CP950 takes two for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

Kind = Literal["text", "digits", "amount", "date", "roc_date", "sign"]
"""`amount`: digits, of which the last `scale` must be 0 and fall away. `sign`: `+` or blank, and `-` for a reversal."""

NAMES: Final = frozenset({"account", "amount", "posted_on", "value_on", "serial", "sign", "channel", "payer"})
"""What a field may be called: the members of `reading.Posting`."""
NEEDED: Final = frozenset({"account", "amount", "posted_on", "serial"})


class LayoutError(ValueError):
    """A layout that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a value stands: `length` bytes from `start` (from 0), or, in a CSV, under `heading`."""

    name: str
    kind: Kind
    start: int = 0
    length: int = 0
    heading: str = ""
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Trailer:
    """Control totals in the file itself: how many details, and the sum of their amounts, reversals subtracted."""

    mark: str
    count: Field
    total: Field


@dataclass(frozen=True)
class Layout:
    """How a bank writes its file. Raises LayoutError.

    `form` "fixed": each line has `width` bytes; where `detail` is given, a line begins with its record type, and
    `header` and `trailer` are the others. "csv": a line of headings, details, and, where there is a `trailer`, one
    line whose first cell is its mark and the next two the totals. Without a trailer the sender states the totals.
    `source` says where the layout is from.
    """

    name: str
    form: Literal["fixed", "csv"]
    encoding: Literal["ascii", "cp950", "utf-8"]
    fields: tuple[Field, ...]
    source: str
    width: int = 0
    header: str = ""
    detail: str = ""
    trailer: Trailer | None = None
    channels: Mapping[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What the keys of its transactions begin with: the same for a bank's file of fixed width and its CSV."""
        return self.name.removesuffix("_csv")

    def __post_init__(self) -> None:
        names = [one.name for one in self.fields]
        if len(set(names)) != len(names) or not NEEDED <= set(names) <= NAMES:
            raise LayoutError(f"{self.name}: fields are {', '.join(sorted(NEEDED))} and of {', '.join(sorted(NAMES))}")
        if self.form == "csv":
            if not all(one.heading for one in self.fields):
                raise LayoutError(f"{self.name}: a column has a heading")
            return
        ends = sorted((one.start, one.start + one.length, one.name) for one in self.fields)
        for (_, end, one), (start, _, other) in pairwise(ends):
            if end > start:
                raise LayoutError(f"{self.name}: {one} and {other} overlap")
        if min(one.length for one in self.fields) < 1 or ends[-1][1] > self.width:
            raise LayoutError(f"{self.name}: a field ends beyond {self.width} bytes, or has none")
        marks = [self.detail, *([self.header] if self.header else []), *([self.trailer.mark] if self.trailer else [])]
        if len(marks) > 1 and (len(set(map(len, marks))) > 1 or len(set(marks)) < len(marks) or not self.detail):
            raise LayoutError(f"{self.name}: each record has a type of its own, all of one length")
        totals = () if self.trailer is None else (self.trailer.count, self.trailer.total)
        if any(one.length < 1 or one.start + one.length > self.width for one in totals):
            raise LayoutError(f"{self.name}: a total ends beyond {self.width} bytes, or has none")


_BOT_CHANNELS: Final = {"01": "counter", "02": "remittance", "03": "atm"}

BANK_OF_TAIWAN: Final = Layout(
    "bank_of_taiwan",
    "fixed",
    "cp950",
    (
        Field("posted_on", "date", 1, 8),
        Field("value_on", "date", 9, 8),
        Field("serial", "digits", 23, 10),
        Field("account", "digits", 33, 16),
        Field("sign", "sign", 49, 1),
        Field("amount", "amount", 50, 12),
        Field("channel", "text", 62, 2),
        Field("payer", "text", 64, 40),
    ),
    "design: our own default. The Bank of Taiwan's official layout is not public; a deployment puts it in its place.",
    width=120,
    header="1",
    detail="2",
    trailer=Trailer("3", Field("count", "amount", 1, 8), Field("total", "amount", 9, 14)),
    channels=_BOT_CHANNELS,
)
"""Header `1`, details `2`, trailer `3` (count of details, 8 digits; their sum, 14). A detail: posted on 8, value date
8, time 6, serial 10, account 16, sign 1, amount 12, channel 2, payer 40 bytes, 16 reserved.
"""

BANK_OF_TAIWAN_CSV: Final = Layout(
    "bank_of_taiwan_csv",
    "csv",
    "utf-8",
    (
        Field("posted_on", "date", heading="入帳日"),
        Field("value_on", "date", heading="起息日"),
        Field("serial", "digits", heading="交易序號"),
        Field("account", "digits", heading="銷帳編號"),
        Field("sign", "sign", heading="正負"),
        Field("amount", "amount", heading="金額"),
        Field("channel", "text", heading="通路"),
        Field("payer", "text", heading="繳款人"),
    ),
    "design: the same as columns, for a deployment whose bank gives CSV.",
    trailer=Trailer("合計", Field("count", "amount"), Field("total", "amount")),
    channels=_BOT_CHANNELS,
)

TAISHIN: Final = Layout(
    "taishin",
    "fixed",
    "cp950",
    (
        Field("posted_on", "date", 18, 8),
        Field("serial", "digits", 26, 6),
        Field("amount", "amount", 43, 12, scale=1),
        Field("sign", "sign", 55, 1),
        Field("account", "digits", 57, 16),
        Field("payer", "text", 86, 20),
    ),
    "Business::TW::TSIB::VirtualAccount 0.04: 台新虛擬帳號交易明細, 125 characters, the amount's last digit a decimal.",
    width=125,
)
"""What response code, debit mark and state may say is not published: they are not looked at."""

SHIN_KONG: Final = Layout(
    "shin_kong",
    "fixed",
    "cp950",
    (
        Field("posted_on", "date", 80, 8),
        Field("value_on", "date", 13, 8),
        Field("serial", "digits", 88, 6),
        Field("account", "digits", 27, 16),
        Field("sign", "sign", 43, 1),
        Field("amount", "amount", 44, 10),
        Field("channel", "text", 70, 2),
    ),
    "SKGPortalCore, ReceiptInfoBillModel: 新光銀行入帳檔, 128 bytes; 營業日 is the day of posting, 交易日 the value's.",
    width=128,
    channels={"00": "counter", "06": "machine", "07": "direct_debit"},
)

LAYOUTS: Final = {one.name: one for one in (BANK_OF_TAIWAN, BANK_OF_TAIWAN_CSV, TAISHIN, SHIN_KONG)}
