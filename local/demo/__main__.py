"""`python -m local.demo [--root .local]`."""

import sys

from local.demo.command import main

sys.exit(main())
