"""What a client secret is, and how long the one before it still works.

SOURCE: ../spec/identity.md ID-04; RFC 6749 4.4.
"""

from datetime import timedelta

from shared.law import rule

SECRET_BYTES = 32
SHORTEST_SECRET = 43  # characters: 32 random bytes as base64url
PREVIOUS_WORKS_FOR = timedelta(hours=24)


@rule("ID-04")
def worth_a_row(failures: int) -> bool:
    """Whether this many wrong secrets in a row get an audit row: 1, 2, 4, 8, … so that nobody fills the log."""
    return failures > 0 and failures & (failures - 1) == 0
