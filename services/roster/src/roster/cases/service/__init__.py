"""The use cases of cases, a file each."""
