"""Reports for finance: a month by employer, ageing, suspense, refunds (FE-41)."""
