"""Alembic's entry for the roster database."""

from shared.migrations import run_env

run_env()
