"""What can be done with a refund claim."""
