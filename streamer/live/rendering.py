"""A result as readers are sent it: written once for equal options, however many readers there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from streamer.live import long_messages
from streamer.live.jpegs import narrowed
from streamer.live.reader_options import EVENT_END, Options, event_head
from streamer.result import Result
from streamer.wire import results

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Text:
    """JSON, or an event, around the number of results that a reader missed."""

    before: str
    after: str

    @property
    def size(self) -> int:
        """Bytes without the number."""
        return long_messages.size(self.before) + long_messages.size(self.after)

    def told(self, missed: int) -> str:
        """Put the number in."""
        return f"{self.before}{missed}{self.after}"


@dataclass(frozen=True, slots=True)
class Packed:
    """MessagePack around the number of results that a reader missed."""

    before: bytes
    after: bytes

    @property
    def size(self) -> int:
        """Bytes without the number."""
        return len(self.before) + len(self.after)

    def told(self, missed: int) -> bytes:
        """Put the number in."""
        return self.before + results.packed(missed) + self.after


Rendered = Text | Packed


async def rendered(result: Result, options: Options, limit: int | None = None) -> Rendered:
    """
    Render a result for readers of these options, unless it was done already: it is kept with the result.

    ``limit``: bytes that such a reader takes; what is longer goes without the objects of lowest score.
    """
    whole = await _once(result, options, 0)
    over = 0 if limit is None else whole.size + long_messages.COUNTS - limit
    return whole if over <= 0 else await _once(result, options, over)


async def picture(result: Result, jpeg: bytes, width: int | None) -> bytes:
    """The JPEG of a result's frame, at most ``width`` pixels across: made once for all readers of one width."""
    if width is None or result.frame.width <= width:
        return jpeg
    return await _in_a_thread(result, ("picture", width), lambda: narrowed(jpeg, width))


async def _once(result: Result, options: Options, over: int) -> Rendered:
    """Outlines are traced in a thread: they take milliseconds, which the event loop does not have."""
    key = (*_key(result, options), over)
    if options.format == "polygon":
        return await _in_a_thread(result, key, lambda: render(result, options, over))
    kept: Rendered | None = result.renderings.get(key)
    if kept is None:
        kept = result.renderings[key] = render(result, options, over)
    return kept


async def _in_a_thread(result: Result, key: Hashable, make: Callable[[], T]) -> T:
    kept: asyncio.Future[T] | None = result.renderings.get(key)
    if kept is None:
        kept = result.renderings[key] = asyncio.get_running_loop().run_in_executor(None, make)
    return await asyncio.shield(kept)  # a reader that leaves must not take it from the others


def render(result: Result, options: Options, over: int = 0) -> Rendered:
    """Render a result for readers of these options, without as many objects as make ``over`` bytes."""
    message = results.result_message(
        result, options.format, names=options.prompts, ahead=bool(options.ahead), holes=options.holes
    )
    packs = options.encoding == "msgpack"
    if over:
        long_messages.shorten(message, over, lambda each: _size(each, packs=packs))
    if packs:
        return Packed(*results.packs_around(message))
    before, after = results.dumps_around(message)
    if options.encoding == "events":
        return Text(event_head(message) + before, after + EVENT_END)
    return Text(before, after)


def _size(prediction: dict[str, Any], *, packs: bool) -> int:
    return len(results.packed(prediction)) if packs else long_messages.size(results.dumps(prediction))


def _key(result: Result, options: Options) -> tuple[Hashable, ...]:
    """What two readers must have in common; ``max_fps`` changes no message, and neither does a wish that is unmet."""
    ahead = bool(options.ahead) and result.ahead is not None
    holes = options.holes and options.format == "polygon"
    return options.format, options.prompts, options.encoding, ahead, holes
