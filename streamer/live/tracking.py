"""A session's calls into its tracker, which lives on the model thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from streamer import redaction
from streamer.config import Config
from streamer.engine import Engine
from streamer.errors import BadRequest, Conflict, FrameGone, NotFound
from streamer.frame import Picture
from streamer.live.keeping import Keeping
from streamer.live.preparing import Prepared
from streamer.live.presenting import Candidate
from streamer.live.recent_frames import Decoded
from tracker import (
    Answer,
    Box,
    Embedding,
    MotionPath,
    Point,
    Prompt,
    Sam3,
    Snapshot,
    Stage,
    Step,
    Tracker,
    TrackerError,
    UnknownObject,
)
from tracker import FrameGone as EmbeddingGone

PATIENCE = 2.0  # seconds that a click waits for the model to get to its frame: longer, and nobody knows what it meant

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """
    What became of a frame: the prompts it was looked at with, and the step, or in words why there is none.

    ``snapshot`` is what is shown from now on; None where a failure changed nothing.
    """

    prompts: tuple[Prompt, ...]
    step: Step | None
    error: str | None
    snapshot: Snapshot | None

    def pack(self) -> None:
        """Pack the run lengths of its masks, on any thread but the model's."""
        for each in self.step.tracks if self.step is not None else ():
            each.mask.counts  # noqa: B018


class Tracking:
    """
    One session's tracker: made, asked and freed on the model thread.

    Looks come in turn. Orders wait for :meth:`start`, run between the stages of looks, and are refused once :meth:`end`
    was called; ``ordered`` is told of each that was carried out, with what is shown from then on and the id that it
    removed.
    """

    def __init__(
        self,
        session: str,
        prompts: Sequence[Prompt],
        engine: Engine,
        config: Config,
        *,
        live: bool,
        ordered: Callable[[Snapshot | None, int | None], None],
        keeping: Keeping | None = None,
    ) -> None:
        self._session = session  # its id, for the log
        self._prompts = tuple(prompts)
        self._engine = engine
        self._config = config
        self._live = live
        self._ordered = ordered
        self._keeping = keeping
        self._tracker: Tracker | None = None
        self._started = asyncio.Event()
        self._ended: str | None = None  # why
        self._failures = 0  # in a row
        self._looked = -1  # the index of the newest frame that was looked at
        self._next_look = asyncio.Event()

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What is being looked for."""
        return self._prompts if self._tracker is None else tuple(self._tracker.prompts)

    @property
    def threshold(self) -> float:
        """The least score that counts, where a prompt names none: the model's. Raises NotReady."""
        return self._engine.need_model().threshold

    def hints(self, prompts: Sequence[Prompt]) -> list[str]:
        """What the model has to say about words it was never taught."""
        model = self._engine.need_model()
        return [hint for prompt in prompts if prompt.text is not None and (hint := model.hint(prompt.text))]

    def untaught(self, prompts: Sequence[Prompt]) -> list[str]:
        """The words among them that the model was never taught."""
        model = self._engine.need_model()
        return list(dict.fromkeys(word for prompt in prompts if prompt.text for word in model.untaught(prompt.text)))

    async def start(self) -> None:
        """Make the tracker. Raises NotReady."""
        self._engine.need_model()
        if self._live and self._config.rate is not None and self._config.looks is None:
            log.warning("session %s: at a live source --rate is a wish for looks a second, as --looks", self._session)
        returns = self._keeping is not None and await self._keeping.begin()
        await self._engine.run(self._make, returns=returns)
        self._started.set()

    def _make(self, *, returns: bool) -> None:
        """Runs on the model thread: the model is the one that answers there, and who changes it finds the tracker."""
        config, model = self._config, self._engine.need_model()
        make = partial(Tracker, interval=config.interval, follower=config.follower)
        live = {"looks": config.looks or config.rate, "live": True}
        make = partial(make, **live) if self._live else partial(make, rate=config.rate)
        first_id = 1 if self._keeping is None else self._keeping.first_id
        self._tracker = make(model, () if returns else self._prompts, first_id=first_id)
        if returns and self._keeping is not None:
            self._keeping.recall(self._tracker)

    def use(self, model: Sam3) -> Snapshot | None:
        """
        Go on with another model, which finds everything anew. Runs on the model thread, in a turn.

        Returns what is shown from now on, for :meth:`used`; None where nothing was looked at yet.
        """
        tracker = self._tracker
        if tracker is None:
            return None
        before = tracker.snapshot
        tracker.use(model)
        if self._keeping is not None:
            self._keeping.show_again(tracker)
        self._failures, self._looked = 0, -1  # clicks wait for its first look
        return None if before is None else replace(before, objects=(), prompts=self.prompts, order=tracker.orders)

    def used(self, shown: Snapshot | None) -> None:
        """The same for the event loop: tell what is shown from now on."""
        if self._ended is None:
            self._ordered(shown, None)

    def end(self, reason: str) -> None:
        """Take no orders any more, and refuse those that wait."""
        self._ended = reason
        self._started.set()
        self._next_look.set()

    async def free(self) -> None:
        """Let go of the model's state, behind what runs on its thread."""
        if self._tracker is not None:
            self._prompts = self.prompts
            await self._engine.run(self._tracker.close)
            self._tracker = None

    async def look(self, candidate: Candidate, picture: Awaitable[Prepared], seconds: float) -> Look:
        """
        One step, in a turn that the caller holds; ``seconds`` is the frame's time by the stream's clock.

        A failure is this frame's answer; the second in a row resets the tracker.
        """
        tracker = self._need_tracker()
        try:
            look = await self._engine.step(self._look_at, tracker, candidate, await picture, seconds)
        except Exception as problem:
            return await self._failed(tracker, candidate, problem)
        self._failures, self._looked = 0, candidate.frame.index
        self._next_look.set()
        self._given(tracker)
        return look

    async def looked_past(self, index: int) -> bool:
        """Wait ``PATIENCE`` at most until a frame that is no older was looked at; whether one was."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._looked < index and self._ended is None:
                    self._next_look.clear()
                    await self._next_look.wait()
        return self._looked >= index

    async def _failed(self, tracker: Tracker, candidate: Candidate, problem: Exception) -> Look:
        self._failures += 1
        frame, snapshot = candidate.frame, None
        if self._failures.bit_count() == 1:  # 1, 2, 4, 8, …: thirty a second would bury the log
            log.error(
                "session %s: frame %d failed, %d in a row", self._session, frame.index, self._failures, exc_info=problem
            )
        error = f"Frame {frame.index} could not be looked at: {in_words(problem)}"
        if self._failures >= 2:
            error += " What was followed has been dropped; the prompts are kept."
            try:
                await self._engine.run(tracker.reset)
                snapshot = Snapshot(frame.index, candidate.scene or 0, Stage.FLOW, "reset", prompts=self.prompts)
            except Exception:  # the stream must go on; the next frame will tell
                log.exception("session %s: the tracker could not be reset", self._session)
        return Look(self.prompts, None, error, snapshot)

    async def set_prompts(
        self, prompts: Sequence[Prompt], frame: Decoded | None = None, *, path: MotionPath | None = None
    ) -> None:
        """
        Replace the prompts; the same ones keep their objects.

        ``frame``: the one that new boxes were drawn on; ``path``: the ways from there. Raises BadRequest, FrameGone.
        """
        index, seconds = (None, None) if frame is None else (frame.index, frame.seconds)
        await self._command(
            lambda tracker: tracker.set_prompts(tuple(prompts), index=index, seconds=seconds, path=path)
        )

    async def click(
        self,
        frame: Decoded,
        points: Sequence[Point],
        object_id: int | None = None,
        *,
        path: MotionPath | None = None,
    ) -> Answer:
        """
        Make an object from points, in pixels of ``frame``, or correct one; ``path``: the ways from that frame.

        Raises BadRequest, FrameGone, NotFound, Conflict.
        """
        return await self._command(
            lambda tracker: tracker.click(frame.index, points, object_id, seconds=frame.seconds, path=path), "points"
        )

    async def box(self, frame: Decoded, box: Box, *, path: MotionPath | None = None) -> Answer:
        """Make an object from a box, in pixels of ``frame``. Raises BadRequest, FrameGone, Conflict."""
        return await self._command(
            lambda tracker: tracker.box(frame.index, box, seconds=frame.seconds, path=path), "box"
        )

    async def look_back(self, rgb: Picture, frame: Decoded) -> None:
        """Let the picture of a frame that was not looked at be clicked. Raises FrameGone, Conflict."""
        await self._command(lambda tracker: tracker.look_back(rgb, frame.index, frame.seconds), changes=False)

    async def remove(self, object_id: int) -> None:
        """Stop following an object. Raises NotFound, Conflict."""
        await self._command(lambda tracker: tracker.remove(object_id), removed=object_id)

    async def present(self) -> tuple[int, Embedding]:
        """Index and embedding of the newest frame that was looked at. Raises NotFound before the first, Conflict."""
        found = await self._command(lambda tracker: tracker.present, changes=False)
        if found is None:
            raise NotFound("No frame of this session has been looked at yet.", field="image")
        return found

    async def _command(
        self,
        ask: Callable[[Tracker], T],
        field: str | None = None,
        *,
        removed: int | None = None,
        changes: bool = True,
    ) -> T:
        """
        Ask the tracker something on the model thread, before whatever waits for its turn.

        ``field``: the part of the order that may be refused. ``changes``: it changes what is shown.
        """
        await self._started.wait()
        tracker = self._need_tracker()

        def carry_out() -> tuple[T, Snapshot | None]:
            if self._ended is not None:  # it ended while this was in line
                raise Conflict("This session has ended.", detail=self._ended)
            self._before(tracker)
            answer = ask(tracker)
            return answer, tracker.snapshot if changes else None

        try:
            answer, snapshot = await self._engine.order(carry_out)
        except EmbeddingGone as error:
            raise FrameGone(str(error), error.available, field="frame_index") from error
        except UnknownObject as error:
            raise NotFound(f"object_id: {error}", field="object_id") from error
        except TrackerError as error:
            named = f"{field}: {error}" if field and error.field is None else str(error)
            raise BadRequest(named, field=error.field or field) from error
        self._given(tracker)
        if changes:
            self._ordered(snapshot, removed)
        return answer

    def _look_at(self, tracker: Tracker, candidate: Candidate, picture: Prepared, seconds: float) -> Look:
        """Runs on the model thread."""
        self._before(tracker)
        return _look_at(tracker, candidate, picture, seconds, self._engine.between)

    def _before(self, tracker: Tracker) -> None:
        """Runs on the model thread, before ids may be given."""
        if self._keeping is not None:
            self._keeping.before(tracker)

    def _given(self, tracker: Tracker) -> None:
        """Ids may have been given."""
        if self._keeping is not None:
            self._keeping.given(tracker.next_id)

    def _need_tracker(self) -> Tracker:
        if self._tracker is None or self._ended is not None:
            raise Conflict("This session has ended.", detail=self._ended)
        return self._tracker


def _look_at(
    tracker: Tracker, candidate: Candidate, picture: Prepared, seconds: float, between: Callable[[], None]
) -> Look:
    """Runs on the model thread: the step, and the prompts it was made with."""
    known = {"grey": picture.grey, "sent": picture.sent, "motion": candidate.motion, "scene": candidate.scene}
    step = tracker.step(picture.rgb, candidate.frame.index, seconds, between=between, **known)  # type: ignore[arg-type]
    step = replace(step, timings={"convert": picture.seconds, **step.timings})
    return Look(tuple(tracker.prompts), step, None, None if candidate.scene is None else tracker.snapshot)


def in_words(error: BaseException) -> str:
    """An exception in words, out of the groups that task groups wrap it in, and without the secrets of an address."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    words = redaction.printable(redaction.in_text(str(error)))
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
