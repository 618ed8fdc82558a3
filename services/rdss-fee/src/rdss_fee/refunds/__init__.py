"""Refund claims: credits and overpayments that an employer asks back."""
