"""What clients send: the start of a session and live messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from streamer.errors import BadRequest
from streamer.limits import MAX_ADDRESS, MAX_FRAME_SIDE, MAX_POINTS, MAX_PROMPTS, MAX_TEXT
from streamer.wire.fields import BoxIn, Input, MaskFormat, PointIn, PromptIn, parse, spelled_out

Encoding = Literal["json", "msgpack"]


class SessionIn(Input):
    """The body of ``POST /sessions``. A prompt may be a bare string."""

    source: Annotated[str, Field(min_length=1, max_length=MAX_ADDRESS)]
    prompts: list[PromptIn] = Field(default_factory=list, max_length=MAX_PROMPTS)
    keep: bool = Field(default=False, description="Whether it comes back after the server was started again.")

    @field_validator("prompts", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return spelled_out(value)


class PromptsMessage(Input):
    """Replace the prompts."""

    type: Literal["prompts"]
    prompts: Annotated[list[PromptIn], Field(max_length=MAX_PROMPTS)]
    frame_index: Annotated[int | None, Field(ge=0)] = None

    @field_validator("prompts", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return spelled_out(value)


class _OnFrame(Input):
    rtp_timestamp: Annotated[int | None, Field(ge=0, lt=2**32)] = None
    frame_index: Annotated[int | None, Field(ge=0, validate_default=True)] = None

    @field_validator("frame_index")
    @classmethod
    def _one_of_both(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is None and info.data.get("rtp_timestamp") is None:
            raise PydanticCustomError("missing", "Field required (or rtp_timestamp)")
        return value


class ClickMessage(_OnFrame):
    """Make an object from points on a frame, or correct one."""

    type: Literal["click"]
    points: Annotated[list[PointIn], Field(min_length=1, max_length=MAX_POINTS)]
    object_id: int | None = None


class BoxMessage(_OnFrame):
    """Make an object from a box on a frame."""

    type: Literal["box"]
    box: BoxIn


class RemoveMessage(Input):
    """Stop following an object."""

    type: Literal["remove"]
    object_id: int


def _no_masks(value: Any) -> Any:
    """``boxes`` is another word for ``none``."""
    return "none" if value == "boxes" else value


def _name(value: Any) -> Any:
    if not isinstance(value, str):
        message = "Name a prompt by its text or its id: places change when prompts are edited"
        raise PydanticCustomError("prompt_name", message)
    return value.strip()


_Name = Annotated[Annotated[str, Field(max_length=MAX_TEXT)], BeforeValidator(_name)]


class OptionsIn(Input):
    """
    How a reader wants its results. What is left out stays as it is; ``max_fps`` null or 0 means no limit.

    ``prompts`` names the prompts to be told of, each by its text or its id; the empty name stands for the objects made
    by clicks and boxes; null means everything. It may name prompts that are not asked yet. ``ahead`` 1: masks moved on
    by one frame, where they were made, to hide the delay. ``holes``: polygons come with their inner contours too.
    ``picture_width``: pixels across that the pictures may have; null or 0 means all. ``chunks``: messages that are
    longer than a data channel takes come in pieces; without it such results go without objects.
    """

    format: Annotated[MaskFormat | None, BeforeValidator(_no_masks)] = None
    max_fps: Annotated[float | None, Field(ge=0, le=1000, allow_inf_nan=False)] = None
    prompts: Annotated[list[_Name] | None, Field(min_length=1, max_length=2 * MAX_PROMPTS)] = None
    encoding: Encoding | None = None
    ahead: Annotated[int | None, Field(ge=0, le=1)] = None
    holes: bool | None = None
    picture_width: Annotated[int | None, Field(ge=0, le=MAX_FRAME_SIDE)] = None
    chunks: bool | None = None


class OptionsMessage(OptionsIn):
    """The same as a message."""

    type: Literal["options"]


class ReaderIn(OptionsIn):
    """The same in the query of the WebSocket; ``pictures``: each result comes after the picture of its frame."""

    pictures: bool = False


LiveMessage = PromptsMessage | ClickMessage | BoxMessage | RemoveMessage | OptionsMessage
_LIVE: dict[str, type[LiveMessage]] = {
    "prompts": PromptsMessage,
    "click": ClickMessage,
    "box": BoxMessage,
    "remove": RemoveMessage,
    "options": OptionsMessage,
}


def parse_live(data: dict[str, Any]) -> LiveMessage:
    """Read a live message. Raises BadRequest naming the field that is wrong."""
    kind = data.get("type")
    model = _LIVE.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise BadRequest(f"type: {kind!r:.40} is not a message; it must be one of {', '.join(_LIVE)}.", field="type")
    return parse(model, data)
