"""The numbers of the second part, stated as the seed and the rates state them, not counted from the men."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FeeTold:
    """NT$ by employer and month. A pays 52,500 for a doctor and 46,700 for a master of the cohort of 2026; C's two men
    are masters of an earlier cohort, for whom the manual's 30,100 was entered.
    """

    men: int = 60
    october_lines: int = 60
    """59 men are announced by the 15th, one of them for two months."""
    october_a: int = 2_135_400
    """30 × 52,500 + 12 × 46,700."""
    october_b: int = 737_200
    """4 × 52,500 + 10 × 46,700 + 2 × 30,100."""
    october_c: int = 33_110
    """The seed's: 30,100 × 3/30 + 30,100."""

    november_a: int = 2_112_050
    """A man's second stage ends with 15 November: 46,700 × 15/30 = 23,350 in place of 46,700."""
    november_b: int = 787_690
    """737,200, and the man who came on the 11th: 30,100 × 21/31 = 20,390, and 30,100."""
    november_c: int = 63_210
    """Known on 1 October, after the run: 30,100 × 3/30 + 30,100 + 30,100."""
    november_c_credit: int = 20_390
    """The man who left on the 11th: 30,100 − 30,100 × 10/31 (9,710)."""

    december_a: int = 2_088_700
    december_a_credit: int = 30_581
    """Suspended from 21 October to 9 November: 46,700 − 46,700 × 20/31 (30,129), and 46,700 − 46,700 × 21/30."""
    december_b: int = 720_600
    december_b_credit: int = 55_739
    """Released early on 26 October: 46,700 − 46,700 × 25/31 (37,661), and November's 46,700."""
    december_c: int = 30_100

    partial: int = 1_000_000
    second: int = 500_000
    mistyped: int = 635_400
    """What A still owed then, to a number whose check digit is wrong."""
    over: int = 1_000
    unknown: int = 12_345

    refund_b: int = 56_739
    """B's credits and what it paid too much."""


TOLD = FeeTold()
