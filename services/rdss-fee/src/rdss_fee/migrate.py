"""`python -m rdss_fee.migrate`: bring the fee database to this release's shape, as its owner."""

from shared.migrations import run

if __name__ == "__main__":
    run("rdss-fee")
