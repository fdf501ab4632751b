"""``python -m streamer`` is ``streamer``."""

import sys

from streamer.cli import main

sys.exit(main())
