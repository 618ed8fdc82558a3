"""Double-entry bookkeeping of the fee."""
