"""`python -m notify.migrate`: bring the notify database to the newest revision."""

from shared.migrations import run

if __name__ == "__main__":
    run("notify")
