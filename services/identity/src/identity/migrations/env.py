"""Alembic's entry for the identity database."""

from shared.migrations import run_env

run_env()
