"""`python -m identity.worker`: tell the other services of changed accounts."""

from shared import worker

if __name__ == "__main__":
    # Event delivery is the only work identity puts off, and every worker brings it.
    worker.main("identity", lambda _settings, _database, _client: {})
