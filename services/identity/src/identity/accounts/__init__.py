"""Accounts of people: who they are, what they may do, and the password they prove it with."""
