"""What a client secret is, and how long the one before it still works.

SOURCE: ../spec/identity.md ID-04; RFC 6749 4.4.
"""

from datetime import timedelta

SECRET_BYTES = 32
SHORTEST_SECRET = 43  # characters: 32 random bytes as base64url
PREVIOUS_WORKS_FOR = timedelta(hours=24)
