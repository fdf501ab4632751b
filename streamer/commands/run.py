"""
``streamer run``: a source without a server, through the same session, tracker and messages.

A recording is looked at frame by frame, none left out; of a live source, the newest frame each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

import av

from streamer.access import ANY, Access
from streamer.commands.results_file import Recorder
from streamer.commands.terminal import Bar, Screen
from streamer.config import Config
from streamer.engine import Engine
from streamer.engines import Engines
from streamer.errors import BadRequest, BadSource
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from streamer.models.loading import load
from streamer.sources import FINISHED, State, open_source, trust
from streamer.sources.opening import Opening, opened
from streamer.sources.schemes import read_address
from streamer.wire import fields

TICK = 0.2  # seconds between looks at how it goes
OPENING = 10.0  # seconds until a source must have opened; a file, which is all that is counted, has no such limit
GOING_ON = (State.CONNECTING, State.LIVE, State.RECONNECTING)
INTERRUPTED = 130  # exit status, as shells have it


@dataclass(frozen=True, slots=True)
class Job:
    """What to run. ``out``: a path, or None for standard output unless there is a video."""

    source: str
    prompts: Sequence[str] = ()
    out: Path | None = None
    video: Path | None = None


async def run(job: Job, config: Config, stop: asyncio.Event, screen: Screen) -> int:
    """
    Run a source to its end, or until ``stop`` is set; the files are complete either way. Returns the exit status.

    How it goes is shown on ``screen``. Raises BadRequest for what can be seen to be wrong before anything is loaded,
    and what loading the model raises.
    """
    fields.text_prompts(job.prompts)
    trust.check(config.opening["access"])
    source = open_source(job.source, **config.opening)
    with _lines(job) as lines:
        recorder = Recorder(lines, job.video)
        engine = Engine(
            partial(load, config, config.device)
        )  # not warmed up: nobody waits for an answer to the first frame
        try:
            if not await _load(engine, stop):
                return INTERRUPTED
            async with recorder, Sessions(Engines(engine), config) as sessions:
                prompts = fields.text_prompts(job.prompts, engine.need_model().threshold)
                session = sessions.create(source, prompts, write=recorder.write)
                for hint in session.tracking.hints(prompts):
                    screen.say(hint)
                with screen:
                    bar = Bar(screen, None if source.live else count_frames(job.source, config.opening["access"]))
                    await _watch(session, recorder, stop, screen, bar)
                ended = session.state is State.ENDED
                await sessions.close_all()
        finally:
            await engine.close()
    if recorder.failure is not None and job.out is not None and job.out.is_file():
        os.truncate(job.out, recorder.whole)  # half a line is no JSON
    return _summary(session, recorder, job, screen, ended=ended)


def count_frames(source: str, access: Access = ANY) -> int | None:
    """How many frames a file says it has, for the progress bar; None when it does not say."""
    how = Opening(access, (OPENING, OPENING), lambda: None)
    try:
        with opened(read_address(source, access), how) as file:
            stream, duration = file.container.streams.video[0], file.container.duration
            if stream.frames:
                return stream.frames
            if duration and stream.average_rate:
                return round(duration / av.time_base * stream.average_rate)
    except (av.FFmpegError, OSError, IndexError, BadSource):  # the session will say what is wrong with it
        pass
    return None


async def _load(engine: Engine, stop: asyncio.Event) -> bool:
    """Load the model; False when stopped meanwhile. Raises what loading raises."""
    async with asyncio.TaskGroup() as tasks:
        tries = [tasks.create_task(_try_to_load(engine)), tasks.create_task(stop.wait())]
        await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
        for each in tries:
            each.cancel()
    if engine.failure is not None:
        raise engine.failure
    return engine.ready


async def _try_to_load(engine: Engine) -> None:
    with contextlib.suppress(Exception):  # it is kept in engine.failure
        await engine.load()


async def _watch(session: Session, recorder: Recorder, stop: asyncio.Event, screen: Screen, bar: Bar) -> None:
    """Show the progress until the session has ended, is to stop, or cannot be written any more."""
    shown = (State.CONNECTING, "")
    while session.state is not State.ENDED and not stop.is_set() and recorder.failure is None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK)
        bar.show(session.told, _words(session))
        now = (session.state, session.reason)
        if now != shown and now[0] in GOING_ON:
            shown = now
            screen.say(f"{session.state}{': ' if session.reason else ''}{session.reason}")


def _words(session: Session) -> str:
    """What there is to see at the moment."""
    last = session.last
    if last is None or last.step is None:
        return ""
    words = f"{len(last.step.tracks)} objects"
    return f"{words}, {last.age * 1000:.0f} ms old, {session.dropped} dropped" if session.source.live else words


def _summary(session: Session, recorder: Recorder, job: Job, screen: Screen, *, ended: bool) -> int:
    """Say how it ended; returns the exit status."""
    reason = session.reason if ended else "Stopped."
    if recorder.failure is not None:
        reason = f"{recorder.trouble}{' What was written until then can be used.' if recorder.results else ''}"
    screen.say(f"{recorder.results} results from {session.decoded} frames. {reason}")
    for path in filter(None, (job.out, job.video)):
        if path.exists() and path.stat().st_size:
            screen.say(f"written: {path}")
    if recorder.failure is not None or not recorder.results:
        return 1
    if ended:
        return 0 if reason == FINISHED else 1
    return 0 if session.source.live else INTERRUPTED


@contextlib.contextmanager
def _lines(job: Job) -> Iterator[TextIO | None]:
    """Where the JSON lines go: the file, standard output, or nowhere when only a video was asked for."""
    for path in filter(None, (job.out, job.video)):
        try:
            if path.is_dir():
                raise BadRequest(f"{path} cannot be written: it is a folder.")
            if not path.parent.is_dir():
                raise BadRequest(f"{path} cannot be written: there is no folder {path.parent}.")
        except OSError as error:
            raise BadRequest(f"{path!s:.80} cannot be written: {error.strerror}.") from None
    if job.out is None:
        yield sys.stdout if job.video is None else None
        return
    try:
        file = job.out.open("w", encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"{job.out} cannot be written: {error.strerror}.") from None
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # a full disk says it again for what is left in the buffer
            file.close()
