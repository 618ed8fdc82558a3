"""How long a campaign of tests may take: minutes in `make test`, hours in `make soak`."""

import os


def soak() -> bool:
    """Whether this is a long run (`make soak` sets MUSTER_SOAK)."""
    return bool(os.environ.get("MUSTER_SOAK"))


def examples(test: int, campaign: int) -> int:
    """How many examples to try: `test` in `make test`, `campaign` in `make soak`."""
    return campaign if soak() else test
