"""`python -m roster.migrate`: bring the roster database to this release's shape, as its owner."""

from shared.migrations import run

if __name__ == "__main__":
    run("roster")
