"""The bounds of what one request may hold, in one place."""

from __future__ import annotations

MAX_PROMPTS = 16
MAX_BOXES = 64  # of one prompt
MAX_POINTS = 64  # of one click
MAX_TEXT = 256  # characters of one prompt

MAX_HEAD = 16 * 2**10  # bytes of a request's head; browsers' have one or two thousand, and a key or token 300 more
MAX_MESSAGE = 2**20  # bytes of one message in; prompts and clicks have some thousand
MAX_ADDRESS = 4096  # characters of a source's address; what FFmpeg takes
MAX_BODY = 256 * 2**10  # bytes of a request without a picture: 16 prompts with 64 boxes each have 100,000
MAX_VALUES = 10_000  # JSON values of it, and of a message: those prompts have 6,200; 25,000 take the parser 6 ms
MAX_PICTURE_VALUES = 20_000  # beside a picture: 64 objects with 64 points each have 16,800

MAX_FRAME_PIXELS = 7680 * 4320  # of one picture of a stream or file; 50 MB as most decoders give it, 100 MB as RGB
MAX_FRAME_BYTES = 3 * MAX_FRAME_PIXELS  # of it as decoded, 100 MB: the largest with ten bits, as HDR cameras give it
MAX_FRAME_SIDE = 16_384  # of the same: what most codecs allow

MAX_PICTURE_BYTES = 20 * 2**20  # of an encoded picture; a phone's photograph has 3 to 12 MB
MAX_PICTURE_PIXELS = 50_000_000  # of a decoded one: 150 MB as RGB
MAX_PICTURE_SIDE = 32_767  # of a decoded one: scaling a mask takes memory by the longer side, 38 MB here at full size
MIN_MESSAGE = 1024  # bytes that the peer of a data channel must take: an error fits, and a piece of a longer message
