"""Ways out of the house: e-mail. The inbox (`notify.inbox`) stays inside it."""
