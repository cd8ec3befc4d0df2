"""`python -m rookery.wings` is `rookery wings`."""

import sys

from rookery.wings.cli import main

sys.exit(main(sys.argv[1:]))
