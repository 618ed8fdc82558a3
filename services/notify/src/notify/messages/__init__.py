"""Messages: made from events, handed over by the worker, shown to whom they are for."""
