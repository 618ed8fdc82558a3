"""Violations, reminders: what the days of a notice bring about."""
