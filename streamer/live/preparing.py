"""Pictures made ready for a look while another stream is being looked at, off the model's thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

from streamer.engine import Engine
from streamer.frame import Frame, Picture
from streamer.latest import Latest
from streamer.live.presenting import Candidate
from tracker import Grey, Sam3, Sent, small


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """
    A frame's picture (height, width, 3) in RGB, and small and grey as motion is found; ``seconds`` it took.

    ``sent``: what of it is on the model's device; None where that is the host, or the look is to send it.
    """

    rgb: Picture
    grey: Grey
    sent: Sent | None
    seconds: float


def prepared(frame: Frame, model: Sam3 | None = None) -> Prepared:
    """Convert its colours, make it small, and send it to the model's device."""
    began = time.monotonic()
    rgb = frame.rgb()
    grey, sent = small(rgb), None
    if model is not None:
        with contextlib.suppress(RuntimeError):  # of the device: the look will meet it, where it is judged
            sent = model.send(rgb)
    return Prepared(rgb, grey, sent, time.monotonic() - began)


class Preparing:
    """Prepares the newest candidate of one session, and holds that picture alone."""

    def __init__(self, candidates: Latest[Candidate], engine: Engine) -> None:
        self._candidates = candidates
        self._engine = engine
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
            self._newest = frame, asyncio.get_running_loop().run_in_executor(None, prepared, frame, self._engine.model)
        return asyncio.shield(self._newest[1])

    def clear(self) -> None:
        """Let go of the picture."""
        self._newest = None
