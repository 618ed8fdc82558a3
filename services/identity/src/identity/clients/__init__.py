"""Machine clients: systems that log in with a secret (OAuth 2 client credentials)."""
