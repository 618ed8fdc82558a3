"""Accounts, organisations, machine clients, and the tokens they are known by (ID-01 to ID-05)."""
