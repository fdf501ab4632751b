"""What one reader chose: how its masks come, how many results a second, of which prompts, in which encoding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from starlette.datastructures import QueryParams

from streamer.wire import fields, results
from streamer.wire.fields import MaskFormat
from streamer.wire.messages import OptionsIn, ReaderIn
from tracker import Prompt

Form = Literal["json", "msgpack", "events"]  # the encodings that can be asked for, and server-sent events
EVENT_END = "\n\n"


@dataclass(frozen=True, slots=True)
class Options:
    """
    A reader's choices.

    ``max_fps``: results a second at most, None for no limit. ``prompts``: the names (texts or ids) of those that it is
    told of, None for all. ``encoding``: ``json`` is text, ``msgpack`` binary, ``events`` text for an event stream.
    ``ahead``: 1 for masks moved on by one frame, where a result has them. ``holes``: polygons come with
    their inner contours, for the even-odd rule. ``picture_width``: pixels across that a picture may have, None for all.
    ``chunks``: what is too long for a data channel comes in pieces.
    """

    format: MaskFormat = "rle"
    max_fps: float | None = None
    prompts: tuple[str, ...] | None = None
    encoding: Form = "json"
    ahead: int = 0
    holes: bool = False
    picture_width: int | None = None
    chunks: bool = False

    def changed(self, asked: OptionsIn) -> Options:
        """These with what is asked for; what is left out stays."""
        changes: dict[str, Any] = {}
        if asked.format is not None:
            changes["format"] = asked.format
        if "max_fps" in asked.model_fields_set:
            changes["max_fps"] = asked.max_fps or None
        if "prompts" in asked.model_fields_set:
            changes["prompts"] = None if asked.prompts is None else tuple(asked.prompts)
        if asked.encoding is not None:
            changes["encoding"] = asked.encoding
        if asked.ahead is not None:
            changes["ahead"] = asked.ahead
        if asked.holes is not None:
            changes["holes"] = asked.holes
        if "picture_width" in asked.model_fields_set:
            changes["picture_width"] = asked.picture_width or None
        if asked.chunks is not None:
            changes["chunks"] = asked.chunks
        return replace(self, **changes)

    def told(self) -> dict[str, Any]:
        """As an acknowledgement repeats them."""
        prompts = None if self.prompts is None else list(self.prompts)
        return {
            "format": self.format,
            "max_fps": self.max_fps,
            "prompts": prompts,
            "encoding": self.encoding,
            "ahead": self.ahead,
            "holes": self.holes,
            "picture_width": self.picture_width,
            "chunks": self.chunks,
        }

    def unmatched(self, prompts: Sequence[Prompt]) -> list[str]:
        """The names that no present prompt has."""
        names = [name for name in self.prompts or () if name != results.CLICKED]
        return [name for name in names if not any(results.wanted(prompt, (name,)) for prompt in prompts)]

    def encode(self, message: dict[str, Any]) -> str | bytes:
        """A message as this reader is sent it."""
        return _ENCODERS[self.encoding](message)


def of_query(query: QueryParams) -> ReaderIn:
    """
    Read ``?format=…&max_fps=…&prompts=…&encoding=…&ahead=…&holes=…&picture_width=…&chunks=…&pictures=…``.

    Raises BadRequest by the field's name.
    """
    given: dict[str, Any] = {name: query[name] for name in ReaderIn.model_fields if name in query}
    if "prompts" in query:
        given["prompts"] = query.getlist("prompts")
    return fields.parse(ReaderIn, given)


def event(message: dict[str, Any]) -> str:
    """
    A message as one server-sent event, its type the event's, its frame's index the event's id.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    return f"{event_head(message)}{results.dumps(message)}{EVENT_END}"  # dumps writes no line ends


def event_head(message: dict[str, Any]) -> str:
    """What stands before a message's JSON in an event."""
    head = f"event: {message['type']}\n"
    if "frame" in message:
        head += f"id: {message['frame']['index']}\n"
    elif message["type"] == "end":
        head += "id: end\n"
    return f"{head}data: "


def picture(index: int, jpeg: bytes, encoding: Form) -> bytes:
    """A frame's picture: 4 bytes little-endian index and the JPEG, or a message where messages are binary too."""
    if encoding == "msgpack":
        return results.packs({"type": "picture", "frame_index": index, "jpeg": jpeg})
    return index.to_bytes(4, "little") + jpeg


_ENCODERS: dict[Form, Callable[[dict[str, Any]], str | bytes]] = {
    "json": results.dumps,
    "msgpack": results.packs,
    "events": event,
}
