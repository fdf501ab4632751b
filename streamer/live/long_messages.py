"""
Messages that are longer than the peer takes: a WebRTC data channel has a limit (``a=max-message-size``, RFC 8841).

A reader that chose ``chunks`` gets them in pieces. For another, results go without the objects of lowest score, and
what is still too long is told by an error in its place.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

# Little-endian: MARK, 0 for text or 1 for bytes, then the number of the message (modulo 65,536), the number of this
# piece (from 0), and how many there are. No text and no MessagePack begins with MARK: it tells a piece from a message.
HEAD = struct.Struct("<BBHHH")
MARK = 0xC1
NUMBERS = 2**16
COUNTS = 40  # bytes of a result that are known late: how many the reader missed, and how many objects were left out


def size(message: str | bytes) -> int:
    """Bytes that a message takes on its way."""
    if isinstance(message, bytes) or message.isascii():
        return len(message)
    return len(message.encode())


def pieces(message: str | bytes, limit: int | None, number: int) -> Iterator[str | bytes]:
    """The message as it is where it fits; else in pieces of at most ``limit`` bytes, each with its head."""
    if limit is None or size(message) <= limit:
        yield message
        return
    data, text = (message.encode(), 0) if isinstance(message, str) else (message, 1)
    step = limit - HEAD.size
    count = -(-len(data) // step)
    for part in range(count):
        yield HEAD.pack(MARK, text, number % NUMBERS, part, count) + data[part * step : (part + 1) * step]


def shorten(message: dict[str, Any], over: int, size_of: Callable[[dict[str, Any]], int]) -> None:
    """
    Leave out of a result the objects with the lowest scores, until it is shorter by ``over`` bytes or none is left.

    ``left_out`` then says how many; ``size_of`` gives the bytes of one.
    """
    lists = [entry["predictions"] for entry in message.get("prompt_results", ())]
    every = sorted(((each, own) for own in lists for each in own), key=lambda pair: float(pair[0]["confidence"]))
    count = 0
    for prediction, own in every:
        if over <= 0:
            break
        over -= size_of(prediction)
        own.remove(prediction)
        count += 1
    if count:
        message["left_out"] = count


def in_its_place(length: int, limit: int, request: Any) -> dict[str, Any]:
    """What is told instead of a message that does not fit; ``request`` is what it answered, None for none."""
    words = f"A message of {length} bytes is longer than the {limit} that this channel takes."
    told = {"type": "error", "request": request, "message": f"{words} Ask for the option chunks to get it in pieces."}
    return told if request is not None else {name: told[name] for name in ("type", "message")}
