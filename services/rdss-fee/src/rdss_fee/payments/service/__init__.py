"""What can be done about money that came: one module a use case."""
