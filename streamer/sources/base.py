"""What every source has in common, whatever it speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

from streamer.frame import Frame

Out = Callable[[Frame], Awaitable[None]]


FINISHED = "The recording has ended."  # the reason of a recording that was read to its end


class State(StrEnum):
    """How a source, and so its session, is doing. No source is STALLED: that is a session whose model hangs."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    STALLED = "stalled"
    ENDED = "ended"


Tell = Callable[[State, str], None]


class Source(Protocol):
    """
    Something that gives frames.

    ``kind`` is ``webrtc``, ``url`` or ``demo``; ``name`` is what people see in listings, with no secret in it.
    ``live`` is False for a recording: then ``out`` waits until the last frame was taken, so that none is dropped.
    """

    kind: str
    name: str
    live: bool

    async def run(self, out: Out, state: Tell) -> None:
        """
        Give every decoded frame to ``out`` and every change, with a reason in words, to ``state``.

        Returns when there is nothing more to come. It is stopped by cancelling it, and then returns at once.
        """
        ...
