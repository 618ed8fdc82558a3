"""Employers, and the official calendar."""
