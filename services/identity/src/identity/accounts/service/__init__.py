"""What can be done with accounts: one use case, or a pair that belongs together, a file."""
