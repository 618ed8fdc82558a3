"""How large a school's file may be, in any format."""

MAX_ROWS = 20_000
"""Rows of one interactive post; larger deliveries are the feed's."""

MAX_COLUMNS = 64
"""Headings a file may have; twice what the table knows, for columns a school keeps for itself are refused by name."""

LAST_NUMBER = 1_000_000
"""The highest number that a row can have, blank ones counted; nobody's students stand so far down."""
