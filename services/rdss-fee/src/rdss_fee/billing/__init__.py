"""What an employer owes for a month, and by when."""
