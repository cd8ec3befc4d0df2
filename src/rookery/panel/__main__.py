"""`python -m rookery.panel` is `rookery panel`."""

import sys

from rookery.panel.cli import main

sys.exit(main(sys.argv[1:]))
