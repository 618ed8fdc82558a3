"""Ways out of the house. E-mail is the first."""
