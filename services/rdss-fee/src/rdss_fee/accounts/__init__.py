"""Virtual accounts: the number that a notice is paid to."""
