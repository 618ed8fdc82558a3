"""`python -m identity.migrate`: bring the identity database to this release's shape, as its owner."""

from shared.migrations import run

if __name__ == "__main__":
    run("identity")
