"""A session's calls into its tracker, which lives on the model thread."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from streamer.config import Config
from streamer.engine import Engine
from streamer.errors import BadRequest, Conflict, FrameGone, NotFound
from streamer.frame import Frame
from streamer.live.recent_frames import Decoded
from tracker import Answer, Box, Embedding, Point, Prompt, Step, Tracker, TrackerError, UnknownObject
from tracker import FrameGone as EmbeddingGone

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What became of a frame: the prompts it was looked at with, and the step, or in words why there is none."""

    prompts: tuple[Prompt, ...]
    step: Step | None
    error: str | None


class Tracking:
    """
    One session's tracker: made, asked and freed on the model thread, each time in turn.

    Orders wait for :meth:`start`, and are refused once :meth:`end` was called.
    """

    def __init__(self, session: str, prompts: Sequence[Prompt], engine: Engine, config: Config) -> None:
        self._session = session  # its id, for the log
        self._prompts = tuple(prompts)
        self._engine = engine
        self._config = config
        self._tracker: Tracker | None = None
        self._started = asyncio.Event()
        self._ended: str | None = None  # why
        self._failures = 0  # in a row

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What is being looked for."""
        return self._prompts if self._tracker is None else tuple(self._tracker.prompts)

    def hints(self, prompts: Sequence[Prompt]) -> list[str]:
        """What the model has to say about words it was never taught."""
        model = self._engine.need_model()
        return [hint for prompt in prompts if prompt.text is not None and (hint := model.hint(prompt.text))]

    async def start(self) -> None:
        """Make the tracker. Raises NotReady."""
        model, config = self._engine.need_model(), self._config
        make = partial(
            Tracker, model, self._prompts, interval=config.interval, follower=config.follower, rate=config.rate
        )
        self._tracker = await self._engine.run(make)
        self._started.set()

    def end(self, reason: str) -> None:
        """Take no orders any more, and refuse those that wait."""
        self._ended = reason
        self._started.set()

    async def free(self) -> None:
        """Let go of the model's state, behind what runs on its thread."""
        if self._tracker is not None:
            self._prompts = self.prompts
            await self._engine.run(self._tracker.close)
            self._tracker = None

    async def look(self, frame: Frame, seconds: float) -> Look:
        """
        One step, in a turn that the caller holds; ``seconds`` is the frame's time by the stream's clock.

        A failure is this frame's answer; the second in a row resets the tracker.
        """
        tracker = self._need_tracker()
        try:
            prompts, step = await self._engine.run(_look_at, tracker, frame, seconds)
        except Exception as problem:
            return await self._failed(tracker, frame, problem)
        self._failures = 0
        return Look(prompts, step, None)

    async def _failed(self, tracker: Tracker, frame: Frame, problem: Exception) -> Look:
        self._failures += 1
        if self._failures.bit_count() == 1:  # 1, 2, 4, 8, …: thirty a second would bury the log
            log.error(
                "session %s: frame %d failed, %d in a row", self._session, frame.index, self._failures, exc_info=problem
            )
        error = f"This frame could not be looked at: {in_words(problem)}"
        if self._failures >= 2:
            error += " What was followed has been dropped; the prompts are kept."
            try:
                await self._engine.run(tracker.reset)
            except Exception:  # the stream must go on; the next frame will tell
                log.exception("session %s: the tracker could not be reset", self._session)
        return Look(self.prompts, None, error)

    async def set_prompts(self, prompts: Sequence[Prompt], frame: Decoded | None = None) -> None:
        """Replace the prompts; the same ones keep their objects. ``frame``: the one that new boxes were drawn on."""
        index, seconds = (None, None) if frame is None else (frame.index, frame.seconds)
        await self._command(lambda tracker: tracker.set_prompts(tuple(prompts), index=index, seconds=seconds))

    async def click(self, frame: Decoded, points: Sequence[Point], object_id: int | None = None) -> Answer:
        """
        Make an object from points, in pixels of ``frame``, or correct one.

        Raises BadRequest, FrameGone, NotFound, Conflict.
        """
        return await self._command(
            lambda tracker: tracker.click(frame.index, points, object_id, seconds=frame.seconds), "points"
        )

    async def box(self, frame: Decoded, box: Box) -> Answer:
        """Make an object from a box, in pixels of ``frame``. Raises BadRequest, FrameGone, Conflict."""
        return await self._command(lambda tracker: tracker.box(frame.index, box, seconds=frame.seconds), "box")

    async def remove(self, object_id: int) -> None:
        """Stop following an object. Raises NotFound, Conflict."""
        await self._command(lambda tracker: tracker.remove(object_id))

    async def present(self) -> tuple[int, Embedding]:
        """Index and embedding of the newest frame that was looked at. Raises NotFound before the first, Conflict."""
        found = await self._command(lambda tracker: tracker.present)
        if found is None:
            raise NotFound("No frame of this session has been looked at yet.", field="image")
        return found

    async def _command(self, ask: Callable[[Tracker], T], field: str | None = None) -> T:
        """Ask the tracker something on the model thread, in turn; ``field`` is the part of the order it may refuse."""
        await self._started.wait()
        async with self._engine.turn:
            tracker = self._need_tracker()
            try:
                return await self._engine.run(ask, tracker)
            except EmbeddingGone as error:
                raise FrameGone(str(error), error.available, field="frame_index") from error
            except UnknownObject as error:
                raise NotFound(f"object_id: {error}", field="object_id") from error
            except TrackerError as error:
                named = f"{field}: {error}" if field and error.field is None else str(error)
                raise BadRequest(named, field=error.field or field) from error

    def _need_tracker(self) -> Tracker:
        if self._tracker is None or self._ended is not None:
            raise Conflict("This session has ended.", detail=self._ended)
        return self._tracker


def _look_at(tracker: Tracker, frame: Frame, seconds: float) -> tuple[tuple[Prompt, ...], Step]:
    """Runs on the model thread: the step, and the prompts it was made with."""
    began = time.monotonic()
    rgb = frame.rgb()
    converted = time.monotonic() - began
    step = tracker.step(rgb, frame.index, seconds)
    return tuple(tracker.prompts), replace(step, timings={"convert": converted, **step.timings})


def in_words(error: BaseException) -> str:
    """An exception in words, out of the groups that task groups wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
