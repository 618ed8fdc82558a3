"""The web process of the roster service."""

from importlib.resources import files

from fastapi import FastAPI

from roster.cases.routes import router as cases
from roster.intake.routes import router as intake
from roster.reassessments.routes import router as reassessments
from roster.reference.routes import router as reference
from roster.registry.routes import router as registry
from roster.remedies.routes import router as remedies
from roster.report_jobs.routes import router as report_jobs
from roster.results.routes import router as results
from roster.review.routes import router as review
from roster.statistics.routes import router as statistics
from roster.versions.routes import router as versions
from shared.app import create_service
from shared.settings import Settings, load
from shared.tokens import KeySource

DESCRIPTION = "學生緩徵名冊：學校送冊、縣市審查、核定、通知。 Rosters of students whose conscription is to be deferred."


def create_app(settings: Settings | None = None, *, keys: KeySource | None = None) -> FastAPI:
    """The application; settings come from the environment unless given."""
    return create_service(
        settings or load("roster"),
        # A path is looked for in this order: what is asked most stands first.
        [
            review,
            intake,
            results,
            versions,
            reference,
            report_jobs,
            statistics,
            registry,
            cases,
            remedies,
            reassessments,
        ],
        title="Muster roster",
        description=DESCRIPTION,
        keys=keys,
        interface=files("roster") / "openapi.json",
    )
