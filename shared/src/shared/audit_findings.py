"""What `audit verify` found, in words: numbers of blocks, lines and ids of rows, and nothing else."""

from bisect import insort
from dataclasses import dataclass, field

MOST_IDS = 10

# code → Taiwanese, English; `{block}` is the first place, `{ids}` the first ids, `{count}` how many in all.
TEXTS = {
    "row_edited": (
        "第 {block} 號區塊內的紀錄封緘後遭更改，紀錄編號 {ids}（共 {count} 筆）",
        "rows were changed after they were sealed; the first in block {block}, ids {ids} ({count} in all)",
    ),
    "row_missing": (
        "第 {block} 號區塊內的紀錄已不存在，紀錄編號 {ids}（共 {count} 筆）",
        "sealed rows are gone; the first in block {block}, ids {ids} ({count} in all)",
    ),
    "row_planted": (
        "已封緘範圍內出現不屬任何區塊的紀錄，紀錄編號 {ids}（共 {count} 筆）",
        "rows stand among sealed ones and in no block: ids {ids} ({count} in all)",
    ),
    "rows_differ": (
        "第 {block} 號區塊的紀錄與其摘要不符（共 {count} 個區塊）",
        "the rows of block {block} are not those of its digest ({count} blocks in all)",
    ),
    "block_altered": (
        "第 {block} 號區塊的內容與其摘要不符，或所載紀錄範圍有誤（共 {count} 個區塊）",
        "block {block} is not what its digest says, or claims rows that are not its own ({count} blocks in all)",
    ),
    "block_missing": (
        "缺少第 {block} 號區塊（共 {count} 個區塊）",
        "block {block} is missing ({count} blocks in all)",
    ),
    "chain_broken": (
        "第 {block} 號區塊未接續前一區塊（共 {count} 處）",
        "block {block} does not continue the one before it ({count} places in all)",
    ),
    "head_differs": (
        "第 {block} 號區塊與資料庫外留存的摘要不符（共 {count} 個區塊）：區塊曾遭重新計算",
        "block {block} is not the one whose head was kept outside ({count} blocks in all): it was computed anew",
    ),
    "head_forged": (
        "資料庫外留存檔第 {block} 行無法辨識或驗證碼不符（共 {count} 行）",
        "line {block} of the heads kept outside is none of ours ({count} lines in all)",
    ),
    "head_missing": (
        "資料庫外留存檔缺少第 {block} 號區塊的摘要（共 {count} 筆）",
        "the head of block {block} is missing from those kept outside ({count} in all)",
    ),
    "tail_cut": (
        "資料庫缺少末端的區塊：自第 {block} 號起共 {count} 個，其摘要留存於資料庫外",
        "the end of the chain was cut off: {count} blocks from number {block}, whose heads were kept outside",
    ),
    "rows_waiting": (
        "{count} 筆紀錄逾時尚未封緘：請確認背景作業程序（worker）是否執行中",
        "{count} rows are overdue to be sealed: is the worker running?",
    ),
    "row_back_dated": (
        "第 {block} 號區塊內的紀錄時間早於前一區塊一小時以上，紀錄編號 {ids}（共 {count} 筆）",
        "rows say that they are over an hour older than the block before theirs; block {block}, ids {ids} "
        "({count} in all)",
    ),
    "head_adopted": (
        "曾由人員指定自第 {block} 號區塊接續（共 {count} 次）",
        "a person said to go on from block {block} ({count} times in all)",
    ),
    "heads_begin_late": (
        "第 {block} 號以前的區塊沒有資料庫外留存的摘要",
        "no heads were kept outside for the blocks before {block}",
    ),
    "head_pending": (
        "第 {block} 號區塊的摘要尚未寫至資料庫外",
        "the head of block {block}, the newest, is not kept outside yet",
    ),
    "heads_unsigned": (
        "未提供金鑰，未檢查資料庫外留存檔的驗證碼",
        "no key was given: the codes of the heads kept outside were not checked",
    ),
    "heads_unread": (
        "未比對資料庫外留存的摘要：末端遭截斷或整條重算者無法察覺",
        "the heads kept outside were not compared: a cut tail or a chain computed anew is not noticed",
    ),
}


@dataclass
class Finding:
    """One kind of thing that is not as it was: the first place, the first ids, how many in all."""

    code: str
    block: int | None
    ids: list[int] = field(default_factory=list)
    count: int = 0

    def told(self) -> tuple[str, str]:
        """In Chinese and in English."""
        ids = ", ".join(map(str, self.ids)) + (" …" if self.count > len(self.ids) else "")
        zh, en = TEXTS[self.code]
        values = {"block": self.block, "ids": ids, "count": self.count}
        return zh.format(**values), en.format(**values)


@dataclass
class Account:
    """The result for one service: `findings` say that something was changed, `warnings` that a person should look."""

    service: str
    heads_compared: bool
    blocks: int = 0
    rows: int = 0
    newest: int = 0
    head: int = 0
    waiting: int = 0
    oldest_waiting: int = 0
    seconds: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)
    warnings: dict[str, Finding] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Nothing was found to be changed."""
        return not self.findings

    @property
    def first(self) -> Finding | None:
        """The divergence that lies furthest back."""
        return min(self.findings.values(), key=lambda found: found.block or 0, default=None)

    def find(self, code: str, block: int | None, row: int | None = None, *, count: int = 1) -> None:
        """Note a divergence."""
        _note(self.findings, code, block, row, count)

    def warn(self, code: str, block: int | None, row: int | None = None, *, count: int = 1) -> None:
        """Note what is worth a look."""
        _note(self.warnings, code, block, row, count)

    def lines(self) -> list[str]:
        """The account as a person reads it."""
        verdict = ("相符", "as it was") if self.is_whole else ("不符", "NOT as it was")
        kept = (
            (f"留存至第 {self.head} 號", f"heads up to {self.head}") if self.heads_compared else ("未比對", "no heads")
        )
        rate = f"{int(self.rows / self.seconds):,}" if self.seconds > 0 else "-"
        told = [
            f"{self.service}：{verdict[0]}。區塊 {self.blocks:,} 個、紀錄 {self.rows:,} 筆、庫外摘要{kept[0]}、"
            f"待封緘 {self.waiting:,} 筆",
            f"{self.service}: {verdict[1]}. {self.blocks:,} blocks, {self.rows:,} rows, {kept[1]}, {self.waiting:,} "
            f"waiting ({self.seconds:.1f} s, {rate} rows/s)",
        ]
        order = sorted(self.findings.values(), key=lambda found: found.block or 0)
        for sign, found in [("✗", f) for f in order] + [("!", f) for f in self.warnings.values()]:
            zh, en = found.told()
            told += [f"  {sign} {zh}", f"    {en} [{found.code}]"]
        return told


def _note(notes: dict[str, Finding], code: str, block: int | None, row: int | None, count: int) -> None:
    note = notes.setdefault(code, Finding(code, block))
    note.count += count
    if block is not None:
        note.block = min(block, note.block or block)
    if row is not None:
        insort(note.ids, row)
        del note.ids[MOST_IDS:]
