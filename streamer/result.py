"""What became of one frame. It carries everything its reader needs, so dropping one is always safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from streamer.frame import Frame
from tracker import Prompt, Step


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """A frame without its picture, so that a result keeps no picture alive. ``width`` and ``height`` in pixels."""

    index: int
    epoch: int
    pts: int | None
    time_base: Fraction
    rtp_timestamp: int | None
    arrived: float
    width: int
    height: int

    @classmethod
    def of(cls, frame: Frame) -> FrameInfo:
        """Take everything but the picture."""
        return cls(
            index=frame.index,
            epoch=frame.epoch,
            pts=frame.pts,
            time_base=frame.time_base,
            rtp_timestamp=frame.rtp_timestamp,
            arrived=frame.arrived,
            width=frame.width,
            height=frame.height,
        )


@dataclass(frozen=True, slots=True)
class Result:
    """
    One looked-at frame of one session.

    ``step`` is what the tracker made of it, or None when it failed: then ``error`` says how. ``prompts`` is the list
    that was asked. ``age`` is in seconds from the frame's arrival to now, ``seconds`` what the step took, ``dropped``
    the frames that were decoded but never looked at since the session began.
    """

    session: str
    frame: FrameInfo
    prompts: Sequence[Prompt]
    step: Step | None
    error: str | None
    age: float
    seconds: float
    dropped: int
