"""Clicks, boxes and drawn examples on a frame that went by: answered by the tracker, or after a look at its picture."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from streamer.errors import FrameGone
from streamer.live import jpegs
from streamer.live.recent_frames import Decoded
from streamer.live.session import Session
from tracker import Answer, Box, Point, Prompt

T = TypeVar("T")


async def click(session: Session, frame: Decoded, points: Sequence[Point], object_id: int | None) -> Answer:
    """Make an object from points, in pixels of ``frame``, or correct one. Raises as :meth:`Tracking.click`."""
    path = session.path(frame.index)
    return await _with_picture(session, frame, lambda: session.tracking.click(frame, points, object_id, path=path))


async def box(session: Session, frame: Decoded, drawn: Box) -> Answer:
    """Make an object from a box, in pixels of ``frame``. Raises as :meth:`Tracking.box`."""
    path = session.path(frame.index)
    return await _with_picture(session, frame, lambda: session.tracking.box(frame, drawn, path=path))


async def set_prompts(session: Session, prompts: Sequence[Prompt], frame: Decoded | None) -> None:
    """Replace the prompts; ``frame``: the one that new boxes were drawn on. Raises as :meth:`Tracking.set_prompts`."""
    if frame is None:
        await session.tracking.set_prompts(prompts)
    else:
        path = session.path(frame.index)
        await _with_picture(session, frame, lambda: session.tracking.set_prompts(prompts, frame, path=path))


async def _with_picture(session: Session, frame: Decoded, ask: Callable[[], Awaitable[T]]) -> T:
    """
    Ask; where no frame that was looked at can answer, look at the nearest picture that is kept, and ask again.

    A frame newer than all that were looked at has to wait: what is followed comes to it with the next look.
    """
    try:
        return await ask()
    except FrameGone:
        if not await session.tracking.looked_past(frame.index):
            raise
        if not await _look_back(session, frame):
            raise
    return await ask()


async def _look_back(session: Session, frame: Decoded) -> bool:
    """Let the tracker see the kept picture that is nearest to a frame; whether there is one and it could."""
    index = session.pictures.nearest(frame.index)
    jpeg = None if index is None else await session.pictures.get(index)
    if index is None or jpeg is None:
        return False
    try:
        rgb = await asyncio.to_thread(jpegs.picture, jpeg)
        if rgb is None:
            return False
        await session.tracking.look_back(rgb, session.recent.find(index))
    except FrameGone:  # it is newer than all that was looked at, or gone by now
        return False
    return True
