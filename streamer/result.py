"""What became of one frame. It carries everything its reader needs, so dropping one is always safe."""

from __future__ import annotations

import time
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from streamer.frame import NONE_LEFT_OUT, Frame, LeftOut
from tracker import Presented, Prompt, Stage, Step, Track, prompt_keys

MOVED = "presented"  # the reason of a result whose masks were moved along


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
    received: float | None = None

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
            received=frame.received,
        )

    @property
    def decoding(self) -> float | None:
        """Seconds from the packet's arrival to that of the decoded frame; None where that is not known."""
        return None if self.received is None else self.arrived - self.received


@dataclass(frozen=True, slots=True)
class LookedAt:
    """
    The look behind presented masks: the frame that the model saw, and how.

    ``age`` is in seconds from the arrival of that frame to the publishing of the result. ``stage`` and ``reason`` are
    those of its :class:`Step`.
    """

    index: int
    age: float
    stage: Stage
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """
    One frame of one session, looked at or presented.

    ``step`` is what the tracker made of it, or None when it failed: then ``error`` says how. ``prompts`` is the list
    that was asked. ``age`` is in seconds from the frame's arrival to now, ``seconds`` what the step took, ``dropped``
    the frames that were decoded but have no result since the session began, ``lost`` those that its source left out.

    ``presented``: the masks are those of an earlier look, moved along with the picture. ``looked_at`` names that look;
    it is None where the frame itself was looked at, and where a presented frame's scene has had no look yet.
    ``ahead``: the tracks of ``step``, moved on by one more frame; None when they were not made. ``renderings`` are kept
    by who renders it for readers: one for each way in which a present reader wants it; a changed result begins anew.
    """

    session: str
    frame: FrameInfo
    prompts: Sequence[Prompt]
    step: Step | None
    error: str | None
    age: float
    seconds: float
    dropped: int
    looked_at: LookedAt | None = None
    presented: bool = False
    ahead: Sequence[Track] | None = None
    lost: LeftOut = NONE_LEFT_OUT
    renderings: dict[Hashable, Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    @classmethod
    def moved(
        cls,
        session: str,
        frame: Frame,
        presented: Presented,
        prompts: Sequence[Prompt],
        seconds: float,
        dropped: int,
        looked_at: LookedAt | None,
    ) -> Result:
        """A frame that was presented just now; ``prompts``: those in force, where its scene has had no look yet."""
        snapshot, age = presented.snapshot, time.monotonic() - frame.arrived
        asked, notes = (prompts, {}) if snapshot is None else (snapshot.prompts, dict(snapshot.notes))
        step = Step(Stage.FLOW, MOVED, presented.tracks, {"present": seconds}, notes)
        told = FrameInfo.of(frame)
        return cls(
            session, told, asked, step, None, age, seconds, dropped, looked_at, presented=True, ahead=presented.ahead
        )

    def revised(self, prompts: Sequence[Prompt], removed: Collection[int] = ()) -> Result:
        """
        Return this result as if it had been made after an order.

        ``prompts`` is the list in force since then, ``removed`` holds the ids of objects that are followed no more.
        Tracks that the order ended are gone: of removed objects, of prompts that are not listed, and those whose score
        is under their prompt's threshold. It is the very same result where nothing changes.
        """
        thresholds = {key: prompt.threshold for key, prompt in zip(prompt_keys(prompts), prompts, strict=True)}

        def stays(track: Track) -> bool:
            if track.id in removed:
                return False
            return track.key is None or (track.key in thresholds and track.score >= thresholds[track.key])

        if tuple(prompts) == tuple(self.prompts) and all(map(stays, self._tracks())):
            return self
        step = self.step
        if step is not None:
            notes = _moved(step.prompt_notes, self.prompts, prompts)
            step = replace(step, tracks=tuple(filter(stays, step.tracks)), prompt_notes=notes)
        ahead = None if self.ahead is None else tuple(filter(stays, self.ahead))
        return replace(self, prompts=tuple(prompts), step=step, ahead=ahead)

    def _tracks(self) -> list[Track]:
        return [*(self.step.tracks if self.step is not None else ()), *(self.ahead or ())]


def _moved(notes: dict[int, str], before: Sequence[Prompt], after: Sequence[Prompt]) -> dict[int, str]:
    """Notes by the prompts' places in a list, as they stand in another list."""
    places = {key: place for place, key in enumerate(prompt_keys(after))}
    keys = prompt_keys(before)
    return {places[keys[place]]: note for place, note in notes.items() if keys[place] in places}
