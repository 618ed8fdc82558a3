"""The web process of the fee service."""

from importlib.resources import files

from fastapi import FastAPI

from rdss_fee.accounts.routes import router as accounts
from rdss_fee.billing.rates_routes import router as rates
from rdss_fee.billing.routes import router as billing
from rdss_fee.ledger.routes import router as ledger
from rdss_fee.payments.routes import router as payments
from rdss_fee.periods.routes import router as periods
from rdss_fee.receipts.routes import router as receipts
from rdss_fee.reference.routes import router as reference
from rdss_fee.refunds.routes import router as refunds
from rdss_fee.reports.routes import router as reports
from rdss_fee.violations.routes import router as violations
from shared.app import create_service
from shared.settings import Settings, load
from shared.tokens import KeySource

DESCRIPTION = (
    "研究發展費：計費、繳費通知單、收款、退費、收據。 The monthly fee that employers of R&D servicemen pay in advance."
)


def create_app(settings: Settings | None = None, *, keys: KeySource | None = None) -> FastAPI:
    """The application; settings come from the environment unless given."""
    return create_service(
        settings or load("rdss-fee"),
        # A path is looked for in this order.
        [billing, periods, reference, accounts, rates, refunds, receipts, violations, reports, payments, ledger],
        title="Muster rdss-fee",
        description=DESCRIPTION,
        keys=keys,
        interface=files("rdss_fee") / "openapi.json",
    )
