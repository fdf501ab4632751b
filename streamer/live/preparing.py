"""Pictures made ready for a look while another stream is being looked at, off the model's thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

from streamer.frame import Frame, Picture
from streamer.latest import Latest
from streamer.live.presenting import Candidate
from tracker import Grey, small


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A frame's picture (height, width, 3) in RGB, and small and grey as motion is found; ``seconds`` it took."""

    rgb: Picture
    grey: Grey
    seconds: float


def prepared(frame: Frame) -> Prepared:
    """Convert its colours, and make it small."""
    began = time.monotonic()
    rgb = frame.rgb()
    return Prepared(rgb, small(rgb), time.monotonic() - began)


class Preparing:
    """Prepares the newest candidate of one session, and holds that picture alone."""

    def __init__(self, candidates: Latest[Candidate]) -> None:
        self._candidates = candidates
        self._newest: tuple[Frame, asyncio.Future[Prepared]] | None = None

    async def run(self) -> None:
        """Prepare the candidate that waits, and each that takes its place, until cancelled."""
        candidate = None
        while True:
            candidate = await self._candidates.other(candidate)
            with contextlib.suppress(Exception):  # the look will say it
                await self.of(candidate.frame)

    def of(self, frame: Frame) -> asyncio.Future[Prepared]:
        """That frame's picture: prepared before, or now. Awaiting it raises what converting it does."""
        if self._newest is None or self._newest[0] is not frame:
            self._newest = frame, asyncio.get_running_loop().run_in_executor(None, prepared, frame)
        return asyncio.shield(self._newest[1])

    def clear(self) -> None:
        """Let go of the picture."""
        self._newest = None
