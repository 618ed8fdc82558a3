"""Is the ledger whole? Everything it says, recomputed from the postings and held against what they were made for.

One statement, so that all of it is of one moment. What it finds are ids and amounts, never names.
"""

from typing import Final, get_args

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from rdss_fee.ledger.schemas import MOST_SUBJECTS, Check, FindingOut, VerificationOut
from shared.law import rule

CHECKS: Final[tuple[Check, ...]] = get_args(Check)

_MOVED: Final = """
WITH moved AS (
    SELECT debit AS account, amount, kind, notice_id, employer_code, transaction_id, claim_id FROM posting
    UNION ALL
    SELECT credit, -amount, kind, notice_id, employer_code, transaction_id, claim_id FROM posting
), of_notice AS (
    SELECT notice_id AS id, sum(amount) FILTER (WHERE account = 'receivable') AS receivable,
        -- Each payment stands in it twice; its other side is the bank's or the suspense account's.
        coalesce(sum(amount) FILTER (WHERE account IN ('bank', 'suspense')), 0) AS paid,
        coalesce(sum(amount) FILTER (WHERE kind = 'notice_issued' AND account = 'receivable'), 0) AS asked
    FROM moved WHERE notice_id IS NOT NULL GROUP BY 1
), notices AS (
    SELECT coalesce(n.id, o.id) AS id, n.employer_code, coalesce(n.amount, 0) AS amount, n.run_id,
        coalesce(o.receivable, 0) AS receivable,
        CASE WHEN o.id IS NULL THEN 0 ELSE o.paid END AS paid, coalesce(o.asked, 0) AS asked
    FROM notice AS n FULL JOIN of_notice AS o ON o.id = n.id
), of_employer AS (
    SELECT employer_code AS code, -coalesce(sum(amount) FILTER (WHERE account = 'refundable'), 0) AS refundable,
        coalesce(sum(amount) FILTER (WHERE account = 'reclaimable'), 0) AS reclaimable,
        -coalesce(sum(amount) FILTER (WHERE kind = 'credit_granted' AND account = 'refundable'), 0) AS granted,
        -coalesce(sum(amount) FILTER (WHERE kind IN ('refund_paid', 'refund_returned') AND account = 'bank'), 0)
            AS refunded,
        -coalesce(sum(amount) FILTER (WHERE kind = 'refund_repaid' AND account = 'reclaimable'), 0) AS repaid
    FROM moved WHERE employer_code IS NOT NULL GROUP BY 1
), stated AS (
    SELECT employer_code AS code, sum(amount) AS credits FROM credit_statement GROUP BY 1
), over AS (
    SELECT employer_code AS code, sum(greatest(paid - amount, 0)) AS amount FROM notices GROUP BY 1
), employers AS (
    SELECT code, coalesce(e.refundable, 0) AS refundable, coalesce(e.reclaimable, 0) AS reclaimable,
        coalesce(e.granted, 0) AS granted, coalesce(s.credits, 0) AS credits,
        coalesce(s.credits, 0) + coalesce(o.amount, 0) - coalesce(e.refunded, 0) + coalesce(e.repaid, 0) AS claim
    FROM of_employer AS e FULL JOIN stated AS s USING (code) FULL JOIN over AS o USING (code)
), of_transaction AS (
    SELECT transaction_id AS id,
        coalesce(sum(amount) FILTER (WHERE account = 'bank'), 0) AS banked,
        coalesce(sum(amount) FILTER (WHERE account = 'bank' AND kind IN ('payment_posted', 'payment_reversed')), 0)
            AS paid,
        -coalesce(sum(amount) FILTER (WHERE account = 'suspense'), 0) AS suspended,
        coalesce(sum(amount) FILTER
            (WHERE account = 'suspense' AND kind IN ('suspense_assigned', 'assignment_undone')), 0) AS assigned,
        coalesce(sum(amount) FILTER (WHERE account = 'suspense' AND kind = 'refund_repaid'), 0) AS repaid,
        count(DISTINCT notice_id) FILTER (WHERE kind IN ('payment_posted', 'payment_reversed')) AS notices,
        min(notice_id::text) FILTER (WHERE kind IN ('payment_posted', 'payment_reversed')) AS notice_id
    FROM moved WHERE transaction_id IS NOT NULL GROUP BY 1
), decided AS (
    SELECT transaction_id AS id,
        sum(CASE act WHEN 'assign' THEN amount WHEN 'undo' THEN -amount ELSE 0 END) AS assigned,
        sum(CASE act WHEN 'repay' THEN amount ELSE 0 END) AS repaid
    FROM suspense_assignment WHERE state = 'confirmed' GROUP BY 1
), transactions AS (
    SELECT coalesce(b.id, o.id) AS id, coalesce(b.amount, 0) AS amount, b.account, b.why, b.notice_id,
        coalesce(o.banked, 0) AS banked, coalesce(o.paid, 0) AS paid, coalesce(o.suspended, 0) AS suspended,
        coalesce(o.assigned, 0) AS assigned, coalesce(o.repaid, 0) AS repaid,
        coalesce(d.assigned, 0) * sign(b.amount) AS meant, coalesce(d.repaid, 0) AS meant_back,
        coalesce(o.notices, 0) AS notices, o.notice_id AS booked_to
    FROM bank_transaction AS b FULL JOIN of_transaction AS o ON o.id = b.id LEFT JOIN decided AS d ON d.id = b.id
), suspended AS (
    SELECT account, sum(amount) AS amount, sum(banked) AS banked FROM transactions WHERE why IS NOT NULL GROUP BY 1
), charged AS (
    SELECT run_id, employer_code, kind, sum(amount) AS amount FROM line GROUP BY 1, 2, 3
), claims AS (
    SELECT coalesce(c.id, m.id) AS id, c.amount, c.paid_at, coalesce(m.refunded, 0) AS refunded
    FROM refund_claim AS c FULL JOIN (
        SELECT claim_id AS id, -sum(amount) AS refunded FROM moved WHERE claim_id IS NOT NULL AND account = 'bank'
        GROUP BY 1
    ) AS m ON m.id = c.id
), totals AS (
    SELECT (SELECT count(*) FROM posting) AS postings, (SELECT count(*) FROM bank_transaction) AS payments,
        (SELECT coalesce(sum(amount), 0) FROM bank_transaction) AS total,
        (SELECT coalesce(sum(least(paid, amount)), 0) FROM notices) AS allocated,
        (SELECT coalesce(sum(amount), 0) FROM over) + (SELECT coalesce(sum(repaid), 0) FROM of_employer) AS overpaid,
        (SELECT coalesce(sum(suspended), 0) FROM of_transaction) AS suspended
)
"""
_FOUND: Final = """
, wrong AS (
    SELECT 'accounts_balance' AS what, 'all' AS subject, 0::numeric AS expected, sum(amount)::numeric AS found
    FROM moved WHERE account IN ('receivable', 'bank', 'refundable', 'reclaimable', 'suspense', 'revenue')
    HAVING sum(amount) <> 0
    UNION ALL
    SELECT 'notice_receivable', id::text, amount - least(paid, amount), receivable FROM notices
    WHERE receivable <> amount - least(paid, amount) OR receivable < 0 OR paid < 0
    UNION ALL
    SELECT 'notice_booked', id::text, amount, asked FROM notices WHERE asked <> amount
    UNION ALL
    SELECT 'notice_lines', n.id::text, coalesce(c.amount, 0), n.amount
    FROM notice AS n LEFT JOIN charged AS c
        ON c.run_id = n.run_id AND c.employer_code = n.employer_code AND c.kind = 'charge'
    WHERE c.amount IS DISTINCT FROM n.amount
    UNION ALL
    SELECT 'notice_lines', s.id::text, coalesce(c.amount, 0), s.amount
    FROM credit_statement AS s LEFT JOIN charged AS c
        ON c.run_id = s.run_id AND c.employer_code = s.employer_code AND c.kind = 'credit'
    WHERE c.amount IS DISTINCT FROM s.amount
    UNION ALL
    SELECT 'credit_booked', code, credits, granted FROM employers WHERE credits <> granted
    UNION ALL
    SELECT 'employer_refundable', code, claim + reclaimable, refundable FROM employers
    WHERE refundable < 0 OR refundable - reclaimable <> claim
    UNION ALL
    SELECT 'employer_reclaimable', code, 0, reclaimable FROM employers WHERE reclaimable < 0
    UNION ALL
    SELECT 'payment_booked', id::text, amount, paid FROM transactions
    WHERE why IS NULL AND (paid <> amount OR notices <> 1 OR booked_to IS DISTINCT FROM notice_id::text)
    UNION ALL
    SELECT 'payment_booked', id::text, 0, paid FROM transactions WHERE why IS NOT NULL AND (paid <> 0 OR notices <> 0)
    UNION ALL
    SELECT 'payment_suspense', id::text, CASE WHEN why IS NULL THEN 0 ELSE amount END, suspended FROM transactions
    WHERE suspended NOT BETWEEN least(CASE WHEN why IS NULL THEN 0 ELSE amount END, 0)
            AND greatest(CASE WHEN why IS NULL THEN 0 ELSE amount END, 0)
        OR assigned <> meant OR repaid <> meant_back
    UNION ALL
    SELECT 'payment_suspense', account, amount, banked FROM suspended WHERE amount <> banked
    UNION ALL
    SELECT 'payments_shared', 'all', total, allocated + overpaid + suspended FROM totals
    WHERE total <> allocated + overpaid + suspended
    UNION ALL
    SELECT 'bank_money', 'all', total - refunded, bank FROM totals,
        (SELECT coalesce(sum(refunded), 0) AS refunded FROM claims) AS r,
        (SELECT coalesce(sum(amount), 0) AS bank FROM moved WHERE account = 'bank') AS b
    WHERE bank <> total - refunded
    UNION ALL
    SELECT 'refund_booked', id::text, CASE WHEN paid_at IS NULL THEN 0 ELSE amount END, refunded FROM claims
    WHERE refunded NOT IN (0, CASE WHEN paid_at IS NULL THEN 0 ELSE amount END) OR amount IS NULL
)
SELECT t.*, w.what, w.count, w.subjects, w.expected, w.found FROM totals AS t LEFT JOIN (
    SELECT what, count(*), (array_agg(subject ORDER BY subject))[1:{most}] AS subjects,
        (array_agg(expected ORDER BY subject))[1] AS expected, (array_agg(found ORDER BY subject))[1] AS found
    FROM wrong GROUP BY what
) AS w ON true
"""
_STATEMENT: Final = text(_MOVED + _FOUND.format(most=MOST_SUBJECTS))


@rule("FE-36")
async def verify(session: AsyncSession) -> VerificationOut:
    """What the postings say, and whatever of it is not as it has to be. Whoever asks sees all of it: an office, or a
    transaction that assumed the purpose `verify`.
    """
    rows = (await session.execute(_STATEMENT)).mappings().all()
    first = rows[0]
    findings = [
        FindingOut(
            check=row["what"],
            count=row["count"],
            subjects=row["subjects"],
            expected=None if row["expected"] is None else int(row["expected"]),
            found=None if row["found"] is None else int(row["found"]),
        )
        for row in rows
        if row["what"] is not None
    ]
    findings.sort(key=lambda one: CHECKS.index(one.check))
    return VerificationOut(
        whole=not findings,
        postings=first["postings"],
        payments=first["payments"],
        payments_total=int(first["total"]),
        allocated=int(first["allocated"]),
        overpaid=int(first["overpaid"]),
        suspended=int(first["suspended"]),
        checks=list(CHECKS),
        findings=findings,
    )
