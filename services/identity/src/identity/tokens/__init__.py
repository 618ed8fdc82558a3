"""Log-in sessions, the tokens given for them, and the keys that sign."""
