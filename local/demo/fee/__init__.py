"""The second part of `make demo`: the fee of R&D servicemen, from a run on the 15th to a violation in April."""
