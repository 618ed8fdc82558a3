"""Payments: which notice they are for, and when it was paid."""
