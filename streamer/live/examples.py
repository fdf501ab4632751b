"""The pictures that example boxes were drawn on, small enough to be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from streamer.frame import Picture
from streamer.live import jpegs
from streamer.live.recent_frames import Decoded
from streamer.live.session import Session
from streamer.store import Drawn
from streamer.store.records import Share
from tracker import Box, Key, MotionPath, Prompt, prompt_keys

MAX_SIDE = 1920  # pixels of the longer side: models look at 1008
MAX_BYTES = 2**20  # of one picture: 16 prompts that were drawn on 16 of them are 16 MiB
SMALLEST = 64  # pixels of the longer side below which a picture is not made smaller


async def drawn(session: Session, prompts: Sequence[Prompt], frame: Decoded) -> dict[Key, Drawn]:
    """
    Where the boxes of new prompts, in pixels of ``frame``, are on the nearest picture that is kept, by prompt.

    Call it before they are asked: the picture may be gone a moment later. Empty where there is no picture.
    """
    known = set(prompt_keys(session.prompts))
    new = {
        key: prompt
        for key, prompt in zip(prompt_keys(prompts), prompts, strict=True)
        if prompt.boxes and key not in known
    }
    index = session.pictures.nearest(frame.index) if new else None
    jpeg = None if index is None else await session.pictures.get(index)
    if index is None or jpeg is None:
        return {}
    path = None if index == frame.index else session.path(frame.index)
    small = await asyncio.to_thread(fitted, jpeg)
    return {} if small is None else placed(new, small, path, index)


def placed(
    new: Mapping[Key, Prompt], small: tuple[bytes, int, int], path: MotionPath | None, index: int
) -> dict[Key, Drawn]:
    """The boxes as shares of the picture, moved along where that is of another frame than they were drawn on."""
    data, height, width = small
    found = {}
    for key, prompt in new.items():
        shares = [_share(box, height, width) for box in prompt.boxes]
        if path is not None:
            shares = [path.box(share, index) or share for share in shares]
        found[key] = Drawn(data, tuple(shares))
    return found


def fitted(jpeg: bytes) -> tuple[bytes, int, int] | None:
    """A picture within the bounds, and the height and width that it had; None for one that cannot be made so small."""
    rgb = jpegs.picture(jpeg)
    if rgb is None:
        return None
    height, width = rgb.shape[:2]
    side = max(height, width)
    if side > MAX_SIDE:
        side, jpeg = MAX_SIDE, _scaled(rgb, MAX_SIDE)
    while len(jpeg) > MAX_BYTES and side > SMALLEST:
        side //= 2
        jpeg = _scaled(rgb, side)
    return (jpeg, height, width) if len(jpeg) <= MAX_BYTES else None


def _scaled(rgb: Picture, side: int) -> bytes:
    height, width = rgb.shape[:2]
    return jpegs.jpeg(jpegs.resized(rgb, max(1, round(width * side / max(height, width)))))


def _share(box: Box, height: int, width: int) -> Share:
    return box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height
