"""Alembic's entry for the fee database."""

from shared.migrations import run_env

run_env()
