"""The inbox: messages to read in the system itself, with marks of what was read."""
