"""A run's lines in one statement (FE-11, FE-13): what `billing.rules.lines` says of one man, of all men at once.

The rules in Python are the definition, and explain any line; this is how a run of 60,000 men is computed within
seconds, and a property test holds each to the other. Nothing is kept between runs but what was issued: what is entitled
is worked out anew from what is known, less what was billed, so that a run that was missed, killed or late comes out the
same. Of a man of whom nothing became known since the cut of the run that was issued last, and whose degree and cohort
were never corrected, the months before that run's own are as they were billed, and are not looked at again.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from rdss_fee.months import Month
from shared.law import rule

# $1 run, $2 month, $3 the month after, $4 known at, $5 known by the day, $6 whether prices are corrected, $7 whether
# lines of the month itself count as billed, $8 the first month that is looked at of men without news, $9 and $10 the
# cut of the run that was issued last.
_KNOWN: Final = (
    r"\1.known_at <= $4 AND \1.known_on <= $5"
    r" AND (\1.replaced_at IS NULL OR \1.replaced_at > $4 OR \1.replaced_on > $5)"
)


def _spelt(text: str) -> str:
    """A statement with what a run knows of a table, which is said alike of four, put in place of `KNOWN(alias)`."""
    return re.sub(r"KNOWN\((\w+)\)", _KNOWN, text)


_LAST: Final = """
SELECT month, known_at, as_of FROM billing_run
WHERE state = 'issued' AND issued_at <= $1 AND issued_on <= $2 ORDER BY issued_at DESC LIMIT 1
"""
_COMPUTE: Final = _spelt("""
WITH fact AS MATERIALIZED (
    SELECT serviceman_id, category, degree, cohort, stage_begins_on, stage_ends_before, version
    FROM serviceman_facts AS f WHERE KNOWN(f)
), touched AS MATERIALIZED (
    -- Whose earlier months are looked at again; nobody, where all months of all men are.
    SELECT serviceman_id FROM serviceman_facts
    WHERE $8::date > '-infinity' AND (known_at > $9 OR known_on > $10 OR replaced_at > $9 OR replaced_on > $10)
    UNION
    SELECT serviceman_id FROM service_period
    WHERE $8::date > '-infinity' AND (known_at > $9 OR known_on > $10 OR replaced_at > $9 OR replaced_on > $10)
    UNION
    -- Who was taken for another degree or cohort once may have been billed at its price: a rate that comes late tells.
    SELECT o.serviceman_id FROM serviceman_facts AS o JOIN fact AS f USING (serviceman_id)
    WHERE $8::date > '-infinity' AND o.replaced_at IS NOT NULL
        AND (o.category, o.degree, o.cohort) <> (f.category, f.degree, f.cohort)
), span AS (
    -- The billed days of a period: from `first`, before `ends` (FE-05).
    SELECT p.serviceman_id, p.employer_code, greatest(p.begins_on, f.stage_begins_on) AS first,
        least(p.ends_before, f.stage_ends_before) AS ends,
        CASE WHEN t.serviceman_id IS NULL THEN $8 ELSE date '-infinity' END AS since
    FROM service_period AS p JOIN fact AS f USING (serviceman_id) LEFT JOIN touched AS t USING (serviceman_id)
    WHERE KNOWN(p) AND p.begins_on < $3
), part AS (
    SELECT s.serviceman_id, s.employer_code, m.month::date AS month,
        least(s.ends, (m.month + interval '1 month')::date) - greatest(s.first, m.month::date) AS days,
        s.first <= m.month::date AND (s.ends IS NULL OR s.ends > m.month::date) AS on_first
    FROM span AS s CROSS JOIN LATERAL generate_series(
        greatest(date_trunc('month', s.first::timestamp), s.since::timestamp), least(s.ends - 1, $2)::timestamp,
        interval '1 month'
    ) AS m (month)
    WHERE (s.ends IS NULL OR s.first < s.ends) AND s.since <= $2
), entitled AS (
    SELECT serviceman_id, employer_code, month, sum(days) AS days,
        extract(day FROM month + interval '1 month - 1 day')::bigint AS length
    FROM part GROUP BY 1, 2, 3
    -- Of the month that is billed in advance: who serves on its first day. Who comes later waits for the next run.
    HAVING month < $2 OR bool_or(on_first)
), issued AS MATERIALIZED (
    SELECT l.serviceman_id, l.employer_code, l.month, l.category, l.degree, l.cohort, l.rate, r.issued_at,
        CASE l.kind WHEN 'charge' THEN l.amount ELSE -l.amount END AS amount
    FROM line AS l JOIN billing_run AS r ON r.id = l.run_id LEFT JOIN touched AS t USING (serviceman_id)
    WHERE r.issued_at <= $4 AND r.issued_on <= $5 AND (r.month < $2 OR (r.month = $2 AND $7))
        AND (l.month >= $8 OR t.serviceman_id IS NOT NULL)
), billed AS (
    SELECT serviceman_id, employer_code, month, sum(amount) AS amount FROM issued GROUP BY 1, 2, 3
), price AS (
    -- A month that was billed keeps its price, unless the man is known otherwise since (FE-02).
    SELECT n.serviceman_id, n.month, n.rate
    FROM (
        SELECT DISTINCT ON (serviceman_id, month) * FROM issued WHERE rate IS NOT NULL AND NOT $6
        ORDER BY serviceman_id, month, issued_at DESC, employer_code
    ) AS n JOIN fact AS f USING (serviceman_id, category, degree, cohort)
), tariff AS MATERIALIZED (
    SELECT c.*, (
        SELECT r.amount FROM rate AS r
        WHERE KNOWN(r) AND (r.category, r.degree) = (c.category, c.degree)
            AND r.cohort_from <= c.cohort AND r.effective_from <= c.month
        ORDER BY r.cohort_from DESC, r.effective_from DESC LIMIT 1
    ) AS amount
    FROM (
        SELECT k.category, k.degree, k.cohort, m.month::date AS month
        FROM (SELECT DISTINCT category, degree, cohort FROM fact) AS k
        CROSS JOIN generate_series((SELECT min(month) FROM part)::timestamp, $2::timestamp, interval '1 month')
            AS m (month)
    ) AS c
), owed AS (
    SELECT e.serviceman_id, e.employer_code, e.month, e.days, f.category, f.degree, f.cohort,
        coalesce(p.rate, t.amount) AS rate,
        (2 * coalesce(p.rate, t.amount)::bigint * e.days + e.length) / (2 * e.length) AS amount
    FROM entitled AS e JOIN fact AS f USING (serviceman_id)
    LEFT JOIN price AS p USING (serviceman_id, month)
    LEFT JOIN tariff AS t USING (category, degree, cohort, month)
), news AS (
    SELECT DISTINCT ON (serviceman_id) serviceman_id, id FROM service_event
    WHERE state = 'confirmed' AND confirmed_at <= $4 AND confirmed_on <= $5
    ORDER BY serviceman_id, confirmed_at DESC, id
), found AS (
    SELECT coalesce(o.serviceman_id, b.serviceman_id) AS serviceman_id,
        coalesce(o.employer_code, b.employer_code) AS employer_code, coalesce(o.month, b.month) AS month,
        coalesce(o.days, 0) AS days, o.category, o.degree, o.cohort, o.rate,
        CASE WHEN o.serviceman_id IS NULL THEN 0 ELSE o.amount END AS entitled, coalesce(b.amount, 0) AS billed
    FROM owed AS o FULL JOIN billed AS b USING (serviceman_id, employer_code, month)
    WHERE o.serviceman_id IS NOT NULL OR b.month < $2
), written AS (
    INSERT INTO line (run_id, serviceman_id, employer_code, month, kind, reason, days, category, degree, cohort, rate,
        entitled, billed, amount, event_id)
    SELECT $1, d.serviceman_id, d.employer_code, d.month,
        CASE WHEN d.entitled > d.billed THEN 'charge' ELSE 'credit' END,
        CASE WHEN d.entitled < d.billed THEN 'billed_too_much' WHEN d.month = $2 THEN 'advance'
            ELSE 'not_yet_billed' END,
        d.days, d.category, d.degree, d.cohort, d.rate, d.entitled, d.billed, abs(d.entitled - d.billed), n.id
    FROM found AS d LEFT JOIN news AS n USING (serviceman_id)
    WHERE d.entitled <> d.billed
    -- As the key has them: in any other order writing it takes half as long again.
    ORDER BY d.employer_code, d.serviceman_id, d.month
    RETURNING employer_code, kind, amount
)
SELECT (SELECT count(*) FROM written) AS line_count,
    (SELECT count(DISTINCT employer_code) FROM written) AS employer_count,
    (SELECT coalesce(sum(amount) FILTER (WHERE kind = 'charge'), 0) FROM written)::bigint AS charges,
    (SELECT coalesce(sum(amount) FILTER (WHERE kind = 'credit'), 0) FROM written)::bigint AS credits,
    (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object(
        'category', category, 'degree', degree, 'cohort', cohort, 'month', to_char(month, 'YYYY-MM'))), '[]')
        FROM owed WHERE rate IS NULL) AS missing
""")
_INPUTS: Final = _spelt("""
SELECT
    (SELECT count(*) FROM serviceman_facts AS f WHERE KNOWN(f)) AS men,
    (SELECT encode(sha256(coalesce(string_agg(serviceman_id || ' ' || version || ' ' || category || ' ' || degree || ' '
        || cohort || ' ' || stage_begins_on || ' ' || coalesce(stage_ends_before::text, '-'), E'\\n'
        ORDER BY serviceman_id), '')::bytea), 'hex')
        FROM serviceman_facts AS f WHERE KNOWN(f)) AS facts,
    (SELECT encode(sha256(coalesce(string_agg(id || ' ' || version || ' ' || serviceman_id || ' ' || employer_code
        || ' ' || begins_on || ' ' || coalesce(ends_before::text, '-'), E'\\n' ORDER BY id), '')::bytea), 'hex')
        FROM service_period AS p WHERE KNOWN(p)) AS periods,
    (SELECT encode(sha256(coalesce(string_agg(category || ' ' || degree || ' ' || cohort_from || ' ' || effective_from
        || ' ' || amount, E'\\n' ORDER BY category, degree, cohort_from, effective_from), '')::bytea), 'hex')
        FROM rate AS r WHERE KNOWN(r)) AS rates
""")
_OUTPUT: Final = """
SELECT encode(sha256(coalesce(string_agg(employer_code || ' ' || serviceman_id || ' ' || month || ' ' || kind || ' '
    || days || ' ' || coalesce(rate, 0) || ' ' || entitled || ' ' || billed || ' ' || amount, E'\\n'
    ORDER BY employer_code, serviceman_id, month), '')::bytea), 'hex')
FROM line WHERE run_id = $1
"""
# The planner takes spans, shares and months for few: it would join them by loops, or merge them by month alone and look
# at each man for each, which takes minutes. A run may take longer than what somebody waits for.
_WITH_ROOM: Final = (
    "SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL work_mem = '256MB';"
    " SET LOCAL jit = off; SET LOCAL statement_timeout = '10min'"
)
_LONGEST: Final = 600.0
_NEVER: Final = datetime(1, 1, 2, tzinfo=UTC)
RULES: Final = hashlib.sha256(_COMPUTE.encode()).hexdigest()
"""The digest of the statement by which this release computes."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What a run may know: what became known until the instant `at`, by the day `on`."""

    at: datetime
    on: date


@dataclass(frozen=True, slots=True)
class Computed:
    """What came of a run, in lines and NT$."""

    line_count: int
    employer_count: int
    charges: int
    credits: int


class MissingRatesError(LookupError):
    """Rates that a run needs and nobody has entered: category, degree, cohort and month of each."""

    def __init__(self, missing: list[dict[str, Any]]) -> None:
        super().__init__(f"{len(missing)} rates are missing")
        self.missing = missing


@rule("FE-02", "FE-03", "FE-11", "FE-13")
async def compute(
    connection: asyncpg.Connection, run_id: UUID, month: Month, cut: Cut, *, reprice: bool, rerun: bool
) -> Computed:
    """Write the lines of a run that bills `month`. `reprice`: corrects the prices of months that were billed. `rerun`:
    lines that were issued for `month` itself count as billed; without, the run is computed as the first of its month,
    and every month of every man is looked at.

    Raises MissingRatesError; the caller's transaction is to be rolled back then.
    """
    await connection.execute(_WITH_ROOM)
    last = None if reprice or not rerun else await connection.fetchrow(_LAST, cut.at, cut.on)
    # PostgreSQL's least day, or the issued month: whoever began later in it than on its first day waits for this run.
    since, known = (date.min, Cut(_NEVER, date.min)) if last is None else (last[0], Cut(last[1], last[2]))
    if since >= month.first:
        since = month.plus(1).first
    row = await connection.fetchrow(
        _COMPUTE, run_id, month.first, month.plus(1).first, cut.at, cut.on, reprice, rerun, since, known.at, known.on,
        timeout=_LONGEST,
    )  # fmt: skip
    if row["missing"]:
        raise MissingRatesError(row["missing"])
    return Computed(row["line_count"], row["employer_count"], row["charges"], row["credits"])


@rule("FE-43")
async def digests(connection: asyncpg.Connection, run_id: UUID, cut: Cut) -> dict[str, Any]:
    """What a run rests on and what came of it, as SHA-256 in hexadecimal: men's facts, periods, rates, lines; and how
    many men were known. What was known is never changed, so years later they come out the same.
    """
    await connection.execute(_WITH_ROOM)
    # Its first three parameters are another statement's: one text says what is known.
    told = await connection.fetchrow(_INPUTS.replace("$4", "$1").replace("$5", "$2"), cut.at, cut.on, timeout=_LONGEST)
    return {**dict(told), "lines": await connection.fetchval(_OUTPUT, run_id, timeout=_LONGEST)}
