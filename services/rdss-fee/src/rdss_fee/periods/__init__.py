"""When a man served where: what the fee is counted from."""
