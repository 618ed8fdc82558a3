"""The job by which a run is computed: what both who asks and who works it off must know."""

from typing import Final

COMPUTE: Final = "billing.compute"
