"""Organisations as tokens name them, and the roles that their people and systems may hold."""
