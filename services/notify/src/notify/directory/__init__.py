"""Who can be written to: what identity tells of each account."""
