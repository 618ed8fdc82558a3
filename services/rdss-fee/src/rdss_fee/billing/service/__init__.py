"""Asking for a run, computing, checking, issuing, dropping it; reading it, its notices and why each line stands."""
