"""How many values a JSON text has, counted before it is parsed: the parser lets nothing else run."""

from __future__ import annotations

import json

OPENERS_AND_COMMAS = (b",", b"[", b"{")
HEAD = 4  # bytes by which the parser knows a text's coding
QUOTES = 4  # of a value at most: its name's and its own


class TooManyValues(ValueError):
    """The text has more values than it may have."""


class Values:
    """
    Counts the commas and opening brackets outside strings, as the text comes in; one more is the number of values.

    An empty list or object counts twice. What is no JSON may be miscounted from the first wrong character on, where
    the parser ends.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 1
        self._head = b""
        self._quotes = 0
        self._inside = False  # a string
        self._rest = b""  # a backslash whose character has not come yet

    def feed(self, part: bytes) -> None:
        """Count on. Raises TooManyValues, UnicodeError for UTF-16 and UTF-32."""
        self._head = (self._head + part)[:HEAD]
        if len(self._head) == HEAD and not json.detect_encoding(self._head).startswith("utf-8"):
            raise UnicodeError("the text must be UTF-8")  # the parser would take it, and its quotes are not found here
        text = self._rest + part
        if b"\\" in text:
            ends_with = len(text) - len(text.rstrip(b"\\"))
            self._rest = text[-1:] if ends_with % 2 else b""
            # From the left, so that a quote after an even number of backslashes stays.
            text = text.removesuffix(self._rest).replace(b"\\\\", b"").replace(b'\\"', b"")
        else:
            self._rest = b""
        self._quotes += text.count(b'"')
        if self._quotes > QUOTES * self.limit:
            raise self._too_many()
        pieces = text.split(b'"')
        outside = b"".join(pieces[self._inside :: 2])
        self._inside ^= len(pieces) % 2 == 0
        self.count += sum(outside.count(each) for each in OPENERS_AND_COMMAS)
        if self.count > self.limit:
            raise self._too_many()

    def _too_many(self) -> TooManyValues:
        return TooManyValues(f"it has more than {self.limit:,} values")


def check(text: str | bytes, limit: int) -> None:
    """Raises what :meth:`Values.feed` raises, for a whole text."""
    Values(limit).feed(text.encode(errors="surrogatepass") if isinstance(text, str) else text)
