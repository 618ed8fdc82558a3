"""Alembic's entry."""

from shared.migrations import run_env

run_env()
