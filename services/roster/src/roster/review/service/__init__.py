"""What an officer and an approver can do with a roster; one file a use case."""
