"""`python -m werkplaats`."""

import sys

from werkplaats import cli

sys.exit(cli.main())
