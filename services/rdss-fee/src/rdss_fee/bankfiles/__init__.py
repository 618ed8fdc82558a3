"""What the bank tells of payments: files of postings, read by layouts that are data."""
