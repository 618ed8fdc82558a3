"""End-to-end tests share one running suite."""

from tests.support.suite import suite

__all__ = ["suite"]
