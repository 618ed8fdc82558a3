"""The history of the identity database."""
