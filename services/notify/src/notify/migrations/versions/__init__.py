"""The history of the notify database."""
