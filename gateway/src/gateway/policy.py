"""Who may call what: one row for each method and path behind the gateway. What has no row is closed.

This is the first of three walls (the service's own dependency and row-level security are the others), so a row
names roles only; whose thing is asked for, the service knows. The rows are held against every service's OpenAPI
document by tests/contracts/test_policy_matches_openapi.py: a route of a service without a row, a row without a
route, and differing roles all fail it.

SOURCE: ../spec/identity.md ID-03, GW-01, GW-02; ../contract.md, paths behind the gateway.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from gateway.limits import KB
from shared.law import rule
from shared.tokens import ROLES

MB = 1024 * KB

RateClass = Literal["log_in", "read", "write", "search", "bulk"]
Upstream = Literal["identity", "notify", "rdss-fee", "roster"]
UPSTREAMS: tuple[Upstream, ...] = ("identity", "notify", "rdss-fee", "roster")

ANYONE: frozenset[str] | None = None
"""No token is asked for; the route itself checks credentials, or is public."""

ANY_ROLE = ROLES
"""Any valid token will do."""

ADMIN = frozenset({"admin"})


@dataclass(frozen=True, slots=True)
class Row:
    """What the gateway asks of a request for `template` by one of `methods` (written "GET PATCH").

    - `roles`: holders of any one of them may pass; `ANYONE` needs no token.
    - `scope`: this word must also stand in the token's scope; `acr`: how its holder must have proved who he is.
    - `body`: bytes the request may carry; more is 413. Methods that carry none have 0.
    - `timeout`: seconds the upstream may stay silent, before its answer and between two parts of it; then 504.
    - `rate`: which allowance the request counts against; counted in the metrics.

    The first segment of the template names the upstream. `{name}` stands for one segment.
    """

    methods: str
    template: str
    roles: frozenset[str] | None
    scope: str | None = None
    acr: frozenset[str] = frozenset({"pwd", "client"})
    body: int = 1 * MB
    timeout: float = 10.0
    rate: RateClass = "read"

    @property
    def upstream(self) -> str:
        return self.template.split("/", 2)[1]


@dataclass(frozen=True, slots=True)
class Route:
    """A row as it applies to one method of one path."""

    method: str
    row: Row
    body: int


class NoRowError(LookupError):
    """No row for the path."""


class MethodClosedError(LookupError):
    """The path has rows, but none for this method; `allowed` are the methods that have one."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__(", ".join(self.allowed))


_SEGMENT = re.compile(r"[A-Za-z0-9._~@:,-]+", re.ASCII)
_PARAMETER = re.compile(r"\{[a-z_]+\}", re.ASCII)
_LONGEST_PARAMETER = 128
_BODILESS = frozenset({"GET", "DELETE"})
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(slots=True)
class _Node:
    """One segment of the tree of templates."""

    words: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    routes: dict[str, Route] = field(default_factory=dict)


class Policy:
    """The table, made searchable. Raises ValueError for rows that contradict each other or cannot be meant."""

    def __init__(self, rows: Iterable[Row], upstreams: Iterable[str] = UPSTREAMS) -> None:
        self.rows = tuple(rows)
        self.operations: dict[tuple[str, str], Route] = {}
        """Every (method, template) of the table."""
        self._root = _Node()
        known = frozenset(upstreams)
        for row in self.rows:
            _check(row, known)
            for method in row.methods.split():
                self._add(Route(method, row, 0 if method in _BODILESS else row.body))

    @rule("GW-01")
    def find(self, method: str, path: str) -> Route:
        """The route for a path that `limits.public_path` has normalised.

        A word in a template beats a parameter. Raises NoRowError or MethodClosedError.
        """
        node = _find(self._root, path.split("/"), 1)
        if node is None:
            raise NoRowError(path)
        route = node.routes.get(method)
        if route is None:
            raise MethodClosedError(node.routes)
        return route

    def _add(self, route: Route) -> None:
        template = route.row.template
        if (route.method, template) in self.operations:
            raise ValueError(f"two rows for {route.method} {template}")
        self.operations[route.method, template] = route
        node = self._root
        for segment in template.split("/")[1:]:
            if _PARAMETER.fullmatch(segment):
                node.parameter = node = node.parameter or _Node()
            else:
                node = node.words.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ValueError(f"two templates for the paths of {route.method} {template}")
        node.routes[route.method] = route


def _find(node: _Node, segments: list[str], at: int) -> _Node | None:
    if at == len(segments):
        return node if node.routes else None
    segment = segments[at]
    word = node.words.get(segment)
    if word is not None:
        found = _find(word, segments, at + 1)
        if found is not None:
            return found
    if node.parameter is None or not 0 < len(segment) <= _LONGEST_PARAMETER:
        return None
    return _find(node.parameter, segments, at + 1)


def _check(row: Row, upstreams: frozenset[str]) -> None:
    segments = row.template.split("/")
    if segments[0] or any(not (_SEGMENT.fullmatch(s) or _PARAMETER.fullmatch(s)) for s in segments[1:]):
        raise ValueError(f"{row.template} is no template")
    if row.upstream not in upstreams or segments[2:3] != ["v1"]:
        raise ValueError(f"{row.template} leads to no upstream")
    methods = row.methods.split()
    if not methods or not _METHODS.issuperset(methods):
        raise ValueError(f"{row.template} has methods the gateway does not pass")
    if row.roles is not None and (not row.roles or not ROLES.issuperset(row.roles)):
        raise ValueError(f"{row.template} names no role, or one that does not exist")
    if row.body < 0 or row.timeout <= 0:
        raise ValueError(f"{row.template} has a limit below zero")


def _roles(*names: str) -> frozenset[str]:
    return frozenset(names)


_LOOKS_AFTER = _roles("admin", "auditor")
_SCHOOL = _roles("school")
_OFFICER = _roles("case_officer")
_APPROVER = _roles("approver")
_COUNTY = _OFFICER | _APPROVER
_TOWNSHIP = _roles("township")
_AUTHORITY = _roles("education_authority")
_FINANCE = _roles("authority_finance")
_OFFICE = _roles("programme_office")
_HEAD_OFFICE = _roles("employer")
_EMPLOYER = _roles("employer", "employer_department")
_FEE_WATCHERS = _OFFICE | _FINANCE | _LOOKS_AFTER
_FEE_READERS = _EMPLOYER | _FEE_WATCHERS
# How somebody with a password has proved who he is; a system has no inbox.
_PEOPLE = frozenset({"pwd"})

# fmt: off
ROWS: tuple[Row, ...] = (
    # Identity: logging in, keys, the person himself.
    Row("POST", "/identity/v1/sessions", ANYONE, body=8 * KB, rate="log_in"),
    Row("POST", "/identity/v1/token", ANYONE, body=8 * KB, rate="log_in"),
    Row("GET", "/identity/v1/.well-known/jwks.json", ANYONE),
    Row("GET", "/identity/v1/sessions", ANY_ROLE),
    Row("DELETE", "/identity/v1/sessions/{session_id}", ANY_ROLE, rate="write"),
    Row("GET", "/identity/v1/me", ANY_ROLE),
    Row("PATCH", "/identity/v1/me", ANY_ROLE, rate="write"),
    Row("PUT", "/identity/v1/me/password", ANY_ROLE, body=8 * KB, rate="log_in"),

    # Identity: administration.
    Row("GET", "/identity/v1/accounts", _LOOKS_AFTER),
    Row("POST", "/identity/v1/accounts", ADMIN, rate="write"),
    Row("GET", "/identity/v1/accounts/{account_id}", _LOOKS_AFTER),
    Row("PATCH", "/identity/v1/accounts/{account_id}", ADMIN, rate="write"),
    Row("GET", "/identity/v1/accounts/{account_id}/holders", _LOOKS_AFTER),
    Row("POST", "/identity/v1/accounts/{account_id}/hand-overs", ADMIN, rate="write"),
    Row("POST", "/identity/v1/accounts/{account_id}/password-resets", ADMIN, rate="write"),
    Row("GET", "/identity/v1/organisations", _LOOKS_AFTER),
    Row("POST", "/identity/v1/organisations", ADMIN, rate="write"),
    Row("GET", "/identity/v1/organisations/{org_type}/{code}", _LOOKS_AFTER),
    Row("PATCH", "/identity/v1/organisations/{org_type}/{code}", ADMIN, rate="write"),
    Row("GET", "/identity/v1/clients", _LOOKS_AFTER),
    Row("POST", "/identity/v1/clients", ADMIN, rate="write"),
    Row("GET", "/identity/v1/clients/{client_id}", _LOOKS_AFTER),
    Row("PATCH", "/identity/v1/clients/{client_id}", ADMIN, rate="write"),
    Row("POST", "/identity/v1/clients/{client_id}/secrets", ADMIN, rate="write"),

    # Roster: schools, terms, the official calendar.
    Row("POST", "/roster/v1/schools/imports", ADMIN, body=4 * MB, timeout=60, rate="bulk"),
    Row("GET", "/roster/v1/schools", ANY_ROLE),
    Row("GET", "/roster/v1/schools/{school_code}", ANY_ROLE),
    Row("PATCH", "/roster/v1/schools/{school_code}", ADMIN, rate="write"),
    Row("PUT", "/roster/v1/schools/{school_code}/contact", _SCHOOL | ADMIN, rate="write"),
    Row("POST", "/roster/v1/schools/{school_code}/unrecognised-programmes", ADMIN, rate="write"),
    Row("GET", "/roster/v1/terms", _SCHOOL),
    Row("PUT", "/roster/v1/terms/{academic_year}/{term}", _SCHOOL | ADMIN, rate="write"),
    Row("PUT", "/roster/v1/calendars/{year}", ADMIN, body=4 * MB, timeout=60, rate="bulk"),

    # Roster: a school posts.
    Row("POST", "/roster/v1/submissions", _SCHOOL, body=16 * MB, timeout=120, rate="bulk"),
    Row("GET", "/roster/v1/submissions/{submission_id}", _SCHOOL),
    Row("GET", "/roster/v1/templates/{kind}", _SCHOOL, timeout=30),
    Row("PUT", "/roster/v1/rosters/{roster_id}", _SCHOOL, body=16 * MB, timeout=120, rate="bulk"),
    Row("POST", "/roster/v1/rosters/{roster_id}/withdraw", _SCHOOL, timeout=30, rate="write"),

    # Roster: the case officer reviews.
    Row("GET", "/roster/v1/rosters", _SCHOOL | _COUNTY, timeout=120),
    Row("GET", "/roster/v1/rosters/{roster_id}", _SCHOOL | _COUNTY),
    Row("GET", "/roster/v1/rosters/{roster_id}/entries", _SCHOOL | _COUNTY, timeout=120),
    Row("GET", "/roster/v1/rosters/{roster_id}/versions", _SCHOOL | _COUNTY),
    Row("GET", "/roster/v1/rosters/{roster_id}/history", _SCHOOL | _COUNTY),
    Row("POST", "/roster/v1/rosters/{roster_id}/open", _OFFICER, rate="write"),
    Row("POST", "/roster/v1/rosters/{roster_id}/reviews", _OFFICER, timeout=30, rate="write"),
    Row("POST", "/roster/v1/reviews", _OFFICER, timeout=60, rate="bulk"),
    Row("POST", "/roster/v1/rosters/{roster_id}/batches", _OFFICER, timeout=30, rate="write"),
    Row("GET", "/roster/v1/entries/{entry_id}", _SCHOOL | _COUNTY),
    Row("PATCH", "/roster/v1/entries/{entry_id}", _COUNTY, rate="write"),
    Row("GET", "/roster/v1/entries/{entry_id}/history", _SCHOOL | _COUNTY),
    Row("GET", "/roster/v1/entries/{entry_id}/contact", _COUNTY),
    Row("GET", "/roster/v1/entries/{entry_id}/hints", _SCHOOL | _COUNTY),
    Row("POST", "/roster/v1/entries/{entry_id}/transfer", _OFFICER, rate="write"),
    Row("POST", "/roster/v1/entries/{entry_id}/correction", _OFFICER, rate="write"),
    Row("POST", "/roster/v1/entries/{entry_id}/correction/drop", _OFFICER, rate="write"),

    # Roster: the approver decides.
    Row("GET", "/roster/v1/batches", _COUNTY),
    Row("GET", "/roster/v1/batches/{batch_id}", _COUNTY),
    Row("GET", "/roster/v1/batches/{batch_id}/preview", _COUNTY, timeout=30),
    Row("POST", "/roster/v1/batches/{batch_id}/recall", _OFFICER, rate="write"),
    Row("POST", "/roster/v1/batches/{batch_id}/return", _APPROVER, rate="write"),
    Row("POST", "/roster/v1/batches/{batch_id}/decide", _APPROVER, timeout=30, rate="write"),
    Row("GET", "/roster/v1/county-settings", _COUNTY),
    Row("PUT", "/roster/v1/county-settings", _APPROVER, rate="write"),

    Row("GET", "/roster/v1/deferments/{deferment_id}", _COUNTY),
    Row("GET", "/roster/v1/deferments/{deferment_id}/history", _COUNTY),

    # Roster: results.
    Row("POST", "/roster/v1/result-searches", _SCHOOL | _COUNTY, timeout=120, rate="search"),
    Row("GET", "/roster/v1/results", _SCHOOL | _COUNTY, timeout=120),
    Row("GET", "/roster/v1/results/{roster_id}/entries", _SCHOOL | _COUNTY, timeout=120),

    # Roster: reports that are made after the answer.
    Row("POST", "/roster/v1/reports", _SCHOOL | _COUNTY | _TOWNSHIP, timeout=30, rate="write"),
    Row("GET", "/roster/v1/reports", _SCHOOL | _COUNTY | _TOWNSHIP),
    Row("GET", "/roster/v1/reports/{report_id}", _SCHOOL | _COUNTY | _TOWNSHIP),
    Row("GET", "/roster/v1/reports/{report_id}/file", _SCHOOL | _COUNTY | _TOWNSHIP, timeout=30),

    Row("GET", "/roster/v1/statistics", _COUNTY | _LOOKS_AFTER, timeout=30),

    # Roster: what townships, education authorities and counties file.
    Row("POST", "/roster/v1/cases", _TOWNSHIP, rate="write"),
    Row("POST", "/roster/v1/certificates", _TOWNSHIP, rate="write"),
    Row("POST", "/roster/v1/cases/notices", _AUTHORITY, body=1 * MB, timeout=120, rate="bulk"),
    Row("POST", "/roster/v1/cases/training-lists", _OFFICER, body=1 * MB, timeout=120, rate="bulk"),
    Row("GET", "/roster/v1/cases", _TOWNSHIP | _AUTHORITY | _COUNTY),
    Row("GET", "/roster/v1/cases/{entry_id}", _TOWNSHIP | _AUTHORITY | _COUNTY),
    Row("POST", "/roster/v1/cases/{entry_id}/withdrawal", _TOWNSHIP, rate="write"),
    Row("POST", "/roster/v1/cases/notices/{entry_id}/withdrawal", _AUTHORITY, rate="write"),
    Row("POST", "/roster/v1/cases/training-lists/{entry_id}/withdrawal", _OFFICER, rate="write"),
    Row("POST", "/roster/v1/cases/{entry_id}/annotation", _TOWNSHIP, rate="write"),

    # Roster: after a decision: what the law would say otherwise, how a refusal reached the man, what he asked for.
    Row("POST", "/roster/v1/reassessments", _COUNTY | ADMIN, timeout=60, rate="search"),
    Row("GET", "/roster/v1/refusals", _SCHOOL | _TOWNSHIP | _COUNTY, timeout=30),
    Row("GET", "/roster/v1/refusals/{decision_id}", _SCHOOL | _TOWNSHIP | _COUNTY),
    Row("POST", "/roster/v1/refusals/{decision_id}/service", _SCHOOL | _TOWNSHIP | _OFFICER, rate="write"),
    Row("POST", "/roster/v1/refusals/{decision_id}/review-request", _SCHOOL | _TOWNSHIP | _OFFICER, rate="write"),
    Row("POST", "/roster/v1/refusals/{decision_id}/answer", _APPROVER, rate="write"),

    # Fee: what the bank tells of payments, and money in suspense.
    Row("POST", "/rdss-fee/v1/bank-files", _FINANCE, body=16 * MB, timeout=60, rate="bulk"),
    Row("GET", "/rdss-fee/v1/bank-files", _FEE_WATCHERS),
    Row("GET", "/rdss-fee/v1/bank-files/{file_id}", _FEE_WATCHERS),
    Row("GET", "/rdss-fee/v1/payments", _FEE_READERS, timeout=30),
    Row("GET", "/rdss-fee/v1/payments/{payment_id}", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/suspense", _FEE_WATCHERS, timeout=30),
    Row("GET", "/rdss-fee/v1/suspense/{payment_id}", _FEE_WATCHERS),
    Row("POST", "/rdss-fee/v1/suspense/{payment_id}/assignments", _FINANCE, rate="write"),
    Row("POST", "/rdss-fee/v1/suspense-assignments/{assignment_id}/confirmation", _FINANCE, timeout=30, rate="write"),
    Row("POST", "/rdss-fee/v1/suspense-assignments/{assignment_id}/refusal", _FINANCE, rate="write"),

    # Fee: the ledger.
    Row("GET", "/rdss-fee/v1/ledger/balances", _FEE_WATCHERS, timeout=30),
    Row("GET", "/rdss-fee/v1/ledger/balances/employers", _FEE_WATCHERS, timeout=30),
    Row("GET", "/rdss-fee/v1/ledger/postings", _FEE_WATCHERS, timeout=30),
    Row("GET", "/rdss-fee/v1/ledger/verification", _FEE_WATCHERS, timeout=60),

    # Roster: what was told to the conscription registry.
    Row("GET", "/roster/v1/registry-events", _COUNTY | ADMIN),
    Row("POST", "/roster/v1/registry-events/{event_id}/replay", _OFFICER | ADMIN, rate="write"),

    # Fee: monthly runs, previewed by one of the authority's finance staff and issued by another.
    Row("POST", "/rdss-fee/v1/billing-runs", _FINANCE, rate="write"),
    Row("GET", "/rdss-fee/v1/billing-runs", _FEE_WATCHERS),
    Row("GET", "/rdss-fee/v1/billing-runs/{run_id}", _FEE_WATCHERS),
    Row("GET", "/rdss-fee/v1/billing-runs/{run_id}/employers", _FEE_WATCHERS, timeout=30),
    Row("GET", "/rdss-fee/v1/billing-runs/{run_id}/lines", _FEE_WATCHERS, timeout=30),
    Row("GET", "/rdss-fee/v1/billing-runs/{run_id}/lines/{employer_code}/{serviceman_id}/{month}", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/billing-runs/{run_id}/verification", _FEE_WATCHERS, timeout=120),
    Row("POST", "/rdss-fee/v1/billing-runs/{run_id}/check", _FINANCE, rate="write"),
    Row("POST", "/rdss-fee/v1/billing-runs/{run_id}/issue", _FINANCE, timeout=120, rate="write"),
    Row("POST", "/rdss-fee/v1/billing-runs/{run_id}/drop", _FINANCE, rate="write"),

    # Fee: what an employer is asked, and what it may claim back.
    Row("GET", "/rdss-fee/v1/notices", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/notices/{notice_id}", _FEE_READERS, timeout=30),
    Row("GET", "/rdss-fee/v1/notices/{notice_id}/lines", _FEE_READERS, timeout=30),
    Row("GET", "/rdss-fee/v1/credit-statements", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/credit-statements/{statement_id}", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/credit-statements/{statement_id}/lines", _FEE_READERS, timeout=30),

    # The fee: employers, the official calendar, how accounts are made, rates.
    Row("POST", "/rdss-fee/v1/employers", _OFFICE, rate="write"),
    Row("GET", "/rdss-fee/v1/employers", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/employers/{code}", _FEE_READERS),
    Row("PATCH", "/rdss-fee/v1/employers/{code}", _OFFICE, rate="write"),
    Row("PUT", "/rdss-fee/v1/employers/{code}/receipt-address", _HEAD_OFFICE | _OFFICE | _FINANCE, rate="write"),
    Row("PUT", "/rdss-fee/v1/calendars/{year}", _FINANCE | ADMIN, body=4 * MB, timeout=60, rate="bulk"),
    Row("GET", "/rdss-fee/v1/collection-schemes", _FEE_WATCHERS),
    Row("POST", "/rdss-fee/v1/collection-schemes", _FINANCE, rate="write"),
    Row("GET", "/rdss-fee/v1/rates", _FEE_READERS),
    Row("POST", "/rdss-fee/v1/rates", _FINANCE, rate="write"),

    # The fee: men, their service periods, what employers report of them.
    Row("POST", "/rdss-fee/v1/service-periods", _OFFICE, timeout=60, rate="bulk"),
    Row("GET", "/rdss-fee/v1/service-periods", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/service-periods/{period_id}", _FEE_READERS),
    Row("PUT", "/rdss-fee/v1/service-periods/{period_id}", _OFFICE, rate="write"),
    Row("GET", "/rdss-fee/v1/service-periods/{period_id}/history", _FEE_READERS),
    Row("POST", "/rdss-fee/v1/service-periods/{period_id}/withdrawal", _OFFICE, rate="write"),
    Row("POST", "/rdss-fee/v1/service-periods/{period_id}/reports", _EMPLOYER | _OFFICE, rate="write"),
    Row("GET", "/rdss-fee/v1/service-events", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/service-events/{event_id}", _FEE_READERS),
    Row("POST", "/rdss-fee/v1/service-events/{event_id}/confirmation", _HEAD_OFFICE, rate="write"),
    Row("POST", "/rdss-fee/v1/service-events/{event_id}/refusal", _HEAD_OFFICE, rate="write"),
    Row("GET", "/rdss-fee/v1/servicemen/{serviceman_id}", _FEE_READERS),
    Row("PUT", "/rdss-fee/v1/servicemen/{serviceman_id}/facts", _OFFICE, rate="write"),

    # Fee: reports for finance.
    Row("GET", "/rdss-fee/v1/reports/month-summary", _FEE_WATCHERS, timeout=120),
    Row("GET", "/rdss-fee/v1/reports/ageing", _FEE_WATCHERS, timeout=120),
    Row("GET", "/rdss-fee/v1/reports/suspense", _FEE_WATCHERS, timeout=120),
    Row("GET", "/rdss-fee/v1/reports/refunds", _FEE_WATCHERS, timeout=120),
    # Fee: what an employer claims back, and who decides and pays it.
    Row("POST", "/rdss-fee/v1/refund-claims", _EMPLOYER, rate="write"),
    Row("GET", "/rdss-fee/v1/refund-claims", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/refund-claims/{claim_id}", _FEE_READERS),
    Row("POST", "/rdss-fee/v1/refund-claims/{claim_id}/papers", _EMPLOYER, body=5 * MB, timeout=30, rate="write"),
    Row("GET", "/rdss-fee/v1/refund-claims/{claim_id}/papers/{paper_id}", _FEE_READERS, timeout=30),
    Row("GET", "/rdss-fee/v1/refund-claims/{claim_id}/forms/{kind}", _FEE_READERS, timeout=30),
    Row("POST", "/rdss-fee/v1/refund-claims/{claim_id}/submission", _roles("employer"), rate="write"),
    Row("POST", "/rdss-fee/v1/refund-claims/{claim_id}/withdrawal", _EMPLOYER, rate="write"),
    Row("POST", "/rdss-fee/v1/refund-claims/{claim_id}/receipt", _FINANCE, rate="write"),
    Row("POST", "/rdss-fee/v1/refund-claims/{claim_id}/approval", _FINANCE, rate="write"),
    Row("POST", "/rdss-fee/v1/refund-claims/{claim_id}/return", _FINANCE, rate="write"),
    Row("POST", "/rdss-fee/v1/refund-claims/{claim_id}/payment", _FINANCE, rate="write"),
    Row("POST", "/rdss-fee/v1/refund-claims/{claim_id}/bank-return", _FINANCE, rate="write"),
    Row("GET", "/rdss-fee/v1/refundable", _FEE_READERS),

    # Fee: receipts.
    Row("GET", "/rdss-fee/v1/receipts/due", _FINANCE, timeout=30),
    Row("POST", "/rdss-fee/v1/receipts", _FINANCE, timeout=60, rate="write"),
    Row("GET", "/rdss-fee/v1/receipts", _FEE_READERS, timeout=30),
    Row("GET", "/rdss-fee/v1/receipts/{receipt_id}", _FEE_READERS, timeout=30),
    Row("POST", "/rdss-fee/v1/receipts/{receipt_id}/mailing", _FINANCE, rate="write"),
    Row("POST", "/rdss-fee/v1/receipts/{receipt_id}/voiding", _FINANCE, rate="write"),

    # Fee: violations.
    Row("GET", "/rdss-fee/v1/violations", _FEE_READERS),
    Row("GET", "/rdss-fee/v1/violations/{violation_id}", _FEE_READERS),
    Row("POST", "/rdss-fee/v1/violations/{violation_id}/annulment", _FINANCE, rate="write"),

    # Notify: what was sent.
    Row("GET", "/notify/v1/messages", ANY_ROLE),
    Row("GET", "/notify/v1/messages/{message_id}", ANY_ROLE),
    Row("POST", "/notify/v1/messages/{message_id}/replay", ADMIN, rate="write"),

    # Notify: one's own inbox, for people only.
    Row("GET", "/notify/v1/inbox", ANY_ROLE, acr=_PEOPLE),
    Row("GET", "/notify/v1/inbox/unread-count", ANY_ROLE, acr=_PEOPLE),
    Row("POST", "/notify/v1/inbox/read-all", ANY_ROLE, acr=_PEOPLE, rate="write"),
    Row("GET", "/notify/v1/inbox/{item_id}", ANY_ROLE, acr=_PEOPLE),
    Row("POST", "/notify/v1/inbox/{item_id}/read", ANY_ROLE, acr=_PEOPLE, rate="write"),
    Row("POST", "/notify/v1/inbox/{item_id}/unread", ANY_ROLE, acr=_PEOPLE, rate="write"),
)
# fmt: on
