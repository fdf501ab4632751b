"""The bounds of what one request may hold, in one place."""

from __future__ import annotations

MAX_PROMPTS = 16
MAX_BOXES = 64  # of one prompt
MAX_POINTS = 64  # of one click
MAX_TEXT = 256  # characters of one prompt

MAX_PICTURE_BYTES = 20 * 2**20  # of an encoded picture; a phone's photograph has 3 to 12 MB
MAX_PICTURE_PIXELS = 50_000_000  # of a decoded one: 150 MB as RGB
MAX_PICTURE_SIDE = 32_767  # of a decoded one: scaling a mask takes memory by the longer side, 38 MB here at full size
