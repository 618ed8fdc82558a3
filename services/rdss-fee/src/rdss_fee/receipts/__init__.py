"""Receipts for posted payments."""
