"""Papers: notices, receipts, refund forms as PDF/A. What they say is made here, set by a child process."""
