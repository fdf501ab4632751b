"""Every JSON shape that is read or sent. Other box anchors than ours, and other names, exist only here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgpack
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from streamer.errors import BadRequest
from streamer.result import FrameInfo, Result
from tracker import Box, Mask, Point, Prompt, Track

MAX_PROMPTS = 16
MAX_BOXES = 64  # of one prompt
MAX_POINTS = 64  # of one click
MAX_TEXT = 256  # characters of one prompt
DEFAULT_THRESHOLD = 0.5

MaskFormat = Literal["rle", "polygon", "none"]
Encoding = Literal["json", "msgpack"]
CLICKED = ""  # names, among the prompts that a reader chooses, the objects made by clicks and boxes
Model = TypeVar("Model", bound=BaseModel)
_Pixel = Annotated[float, Field(allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Input(BaseModel):
    """What clients send; fields we do not know are ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


# What is read: prompts, boxes, points


class TopLeftBox(_Input):
    """A box by its top left corner and its size, in pixels."""

    x: _Pixel
    y: _Pixel
    width: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    height: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def box(self) -> Box:
        """As corners."""
        return Box(self.x, self.y, self.x + self.width, self.y + self.height)


class CornerBox(_Input):
    """A box by its left, top, right and bottom edge, in pixels."""

    x0: _Pixel
    y0: _Pixel
    x1: _Pixel
    y1: _Pixel

    @field_validator("x1", "y1")
    @classmethod
    def _after_the_first(cls, value: float, info: ValidationInfo) -> float:
        first = f"{str(info.field_name)[0]}0"
        if first in info.data and value <= info.data[first]:
            raise PydanticCustomError("box_order", "Input should be greater than {first}", {"first": first})
        return value

    def box(self) -> Box:
        """As corners."""
        return Box(self.x0, self.y0, self.x1, self.y1)


def _anchor(value: Any) -> str:
    corners = "x0" in value if isinstance(value, dict) else isinstance(value, CornerBox)
    return "corners" if corners else "topleft"


BoxIn = Annotated[
    Annotated[TopLeftBox, Tag("topleft")] | Annotated[CornerBox, Tag("corners")],
    Discriminator(_anchor),
]


class PointIn(_Input):
    """A click, in pixels."""

    x: _Pixel
    y: _Pixel
    positive: bool = True

    def point(self) -> Point:
        """As the tracker's."""
        return Point(self.x, self.y, self.positive)


class PromptIn(_Input):
    """
    The documented prompt: text, exemplar boxes, or both. ``type`` is only a hint.

    Used live it may have an ``id``, and with boxes it needs the ``frame_index`` they were drawn on.
    """

    # The order matters: a validator sees the fields above its own.
    id: Annotated[str | None, Field(max_length=MAX_TEXT)] = None
    frame_index: Annotated[int | None, Field(ge=0)] = None
    output_prob_thresh: _Share | None = None
    boxes: Annotated[list[BoxIn] | None, Field(max_length=MAX_BOXES)] = None
    box_labels: list[bool] | None = None
    text: Annotated[str | None, Field(max_length=MAX_TEXT, validate_default=True)] = None
    type: str | None = None

    @field_validator("box_labels")
    @classmethod
    def _one_for_each_box(cls, value: list[bool] | None, info: ValidationInfo) -> list[bool] | None:
        boxes = info.data.get("boxes") or []
        if value is not None and "boxes" in info.data and len(value) != len(boxes):
            message = "There should be as many labels as boxes: {boxes}, not {labels}"
            raise PydanticCustomError("label_count", message, {"boxes": len(boxes), "labels": len(value)})
        return value

    @field_validator("text")
    @classmethod
    def _not_empty(cls, value: str | None, info: ValidationInfo) -> str | None:
        text = (value or "").strip()
        if not text and "boxes" in info.data and not info.data["boxes"]:
            raise PydanticCustomError("empty_prompt", "A prompt should have text or boxes")
        return text or None

    @field_validator("type")
    @classmethod
    def _known(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value not in (None, "text", "visual"):
            raise PydanticCustomError("prompt_type", "Input should be 'text' or 'visual'")
        if value == "visual" and "boxes" in info.data and not info.data["boxes"]:
            raise PydanticCustomError("visual_without_boxes", "A visual prompt should have boxes")
        return value

    def prompt(self, threshold: float = DEFAULT_THRESHOLD) -> Prompt:
        """As the tracker's; ``threshold`` holds where the prompt has none of its own."""
        boxes = tuple(box.box() for box in self.boxes or ())
        labels = tuple(self.box_labels) if self.box_labels is not None else (True,) * len(boxes)
        own = self.output_prob_thresh
        return Prompt(self.text, boxes, labels, threshold if own is None else own, self.id)


def text_prompts(texts: Sequence[str]) -> list[Prompt]:
    """Prompts from bare words, as ``?prompt=`` and the command line give them. Raises BadRequest."""
    if len(texts) > MAX_PROMPTS:
        raise BadRequest(f"There are {len(texts)} prompts; at most {MAX_PROMPTS} can be asked.", field="prompt")
    return [parse(PromptIn, {"text": text}).prompt() for text in texts]


class SessionIn(_Input):
    """The body of ``POST /sessions``. A prompt may be a bare string."""

    source: Annotated[str, Field(min_length=1, max_length=4096)]
    prompts: Annotated[list[PromptIn], Field(max_length=MAX_PROMPTS)] = []

    @field_validator("prompts", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return _spelled_out(value)


# What is read: live messages


class PromptsMessage(_Input):
    """Replace the prompts."""

    type: Literal["prompts"]
    prompts: Annotated[list[PromptIn], Field(max_length=MAX_PROMPTS)]
    frame_index: Annotated[int | None, Field(ge=0)] = None

    @field_validator("prompts", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return _spelled_out(value)


class _OnFrame(_Input):
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


class RemoveMessage(_Input):
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


class OptionsIn(_Input):
    """
    How a reader wants its results. What is left out stays as it is; ``max_fps`` null or 0 means no limit.

    ``prompts`` names the prompts to be told of, each by its text or its id; the empty name stands for the objects made
    by clicks and boxes; null means everything. It may name prompts that are not asked yet.
    """

    format: Annotated[MaskFormat | None, BeforeValidator(_no_masks)] = None
    max_fps: Annotated[float | None, Field(ge=0, le=1000, allow_inf_nan=False)] = None
    prompts: Annotated[list[_Name] | None, Field(min_length=1, max_length=2 * MAX_PROMPTS)] = None
    encoding: Encoding | None = None


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
        raise BadRequest(f"type: {kind!r:.40} is no message; it must be one of {', '.join(_LIVE)}.", field="type")
    return parse(model, data)


def parse(model: type[Model], data: Any) -> Model:
    """Read input by its model. Raises BadRequest that names the first wrong field."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = field_name(first["loc"])
        raise BadRequest(f"{name}: {first['msg']}." if name else f"{first['msg']}.", field=name or None) from None


def field_name(loc: Sequence[int | str]) -> str:
    """``("prompts", 0, "boxes", 1, "topleft", "x")`` as people write it: ``prompts[0].boxes[1].x``."""
    name = ""
    for part in loc:
        if isinstance(part, int):
            name += f"[{part}]"
        elif part not in ("topleft", "corners"):
            name += f".{part}" if name else part
    return name


def public_errors(errors: Sequence[Any]) -> list[dict[str, Any]]:
    """Validation errors as FastAPI words them, without the input and without the names of our branches."""
    shown: Sequence[ErrorDetails] = errors
    return [
        {
            "loc": [part for part in one["loc"] if part not in ("topleft", "corners")],
            "msg": one["msg"],
            "type": one["type"],
        }
        for one in shown
    ]


def _spelled_out(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [{"type": "text", "text": prompt} if isinstance(prompt, str) else prompt for prompt in value]


# What is sent


def dumps(message: dict[str, Any]) -> str:
    """Compact JSON; NaN and infinity, which JSON has not, are our bug and raise ValueError."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def packs(message: dict[str, Any]) -> bytes:
    """A message as MessagePack, the counts of its run lengths as bytes: it is taken apart for that."""
    for entry in message.get("prompt_results", ()):
        for prediction in entry["predictions"]:
            if prediction["format"] == "rle":
                prediction["masks"]["counts"] = prediction["masks"]["counts"].encode("ascii")
    packed: bytes = msgpack.packb(message)
    return packed


def state_message(state: str, reason: str) -> dict[str, Any]:
    """A change of state."""
    return {"type": "state", "state": str(state), "reason": reason}


def frame_json(frame: FrameInfo) -> dict[str, Any]:
    """A frame as results name it."""
    return {
        "index": frame.index,
        "epoch": frame.epoch,
        "pts": frame.pts,
        "time_base": [frame.time_base.numerator, frame.time_base.denominator],
        "rtp_timestamp": frame.rtp_timestamp,
        "width": frame.width,
        "height": frame.height,
    }


def masks_json(mask: Mask, form: MaskFormat) -> Any:
    """A mask as COCO run lengths, as polygons, each a list of [x, y] in pixels, or as None where none is wanted."""
    if form == "none":
        return None
    if form == "rle":
        return {"size": [mask.height, mask.width], "counts": mask.counts.decode("ascii")}
    return [[[x, y] for x, y in polygon] for polygon in mask.polygons()]


def echo_json(index: int, prompt: Prompt | None) -> dict[str, Any]:
    """A prompt as results name it; None: the entry of objects made by clicks and boxes."""
    text = None if prompt is None else prompt.text
    boxes = 0 if prompt is None else len(prompt.boxes)
    return {"prompt_index": index, "type": "text" if text is not None else "visual", "text": text, "num_boxes": boxes}


def track_json(track: Track, form: MaskFormat) -> dict[str, Any]:
    """One followed object on one frame: the documented prediction, and what live video needs."""
    box = track.box
    return {
        "format": form,
        "confidence": round(float(track.score), 4),
        "masks": masks_json(track.mask, form),
        "object_id": track.id,
        "box": [round(float(edge), 2) for edge in (box.x0, box.y0, box.x1, box.y1)],
        "stage": str(track.stage),
        "tentative": track.tentative,
    }


def wanted(prompt: Prompt | None, names: Sequence[str] | None) -> bool:
    """Whether a reader that chose these names is told of a prompt; None: of the objects made by clicks and boxes."""
    if names is None:
        return True
    if prompt is None:
        return CLICKED in names
    return (prompt.text is not None and prompt.text in names) or (bool(prompt.id) and prompt.id in names)


def prompt_results(
    prompts: Sequence[Prompt],
    tracks: Sequence[Track],
    notes: dict[int, str],
    form: MaskFormat,
    names: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """
    One entry for each prompt, in order, even when empty, and one more when clicks or boxes made objects.

    With ``names`` only those entries that :func:`wanted` lets through; they keep their ``prompt_index``.
    """
    entries: list[dict[str, Any]] = []
    asked: list[Prompt | None] = [*prompts]
    if any(track.prompt is None for track in tracks):
        asked.append(None)
    for index, prompt in enumerate(asked):
        if not wanted(prompt, names):
            continue
        own = [track for track in tracks if track.prompt == (index if prompt is not None else None)]
        own.sort(key=lambda track: -track.score)
        entry = {
            "prompt_index": index,
            "echo": echo_json(index, prompt),
            "predictions": [track_json(track, form) for track in own],
        }
        if index in notes and prompt is not None:
            entry["note"] = notes[index]
        entries.append(entry)
    return entries


def result_message(
    result: Result, form: MaskFormat = "rle", dropped: int = 0, names: Sequence[str] | None = None
) -> dict[str, Any]:
    """
    What became of a frame; a step that failed gives an error message.

    ``dropped``: results this reader missed; ``names``: the prompts it chose, None for all.
    """
    head = {"session": result.session, "frame": frame_json(result.frame)}
    tail = {
        "age_ms": round(result.age * 1000, 1),
        "dropped": {"source": result.dropped, "subscriber": dropped},
    }
    if result.step is None:
        return {"type": "error", **head, **tail, "message": result.error}
    step = result.step
    return {
        "type": "result",
        **head,
        "stage": str(step.stage),
        "reason": step.reason,
        **tail,
        "prompt_results": prompt_results(result.prompts, step.tracks, step.prompt_notes, form, names),
        "time": round(result.seconds, 4),
    }


def result_json(result: Result, form: MaskFormat = "rle", dropped: int = 0) -> str:
    """The same as text."""
    return dumps(result_message(result, form, dropped))


def prompt_json(prompt: Prompt) -> dict[str, Any]:
    """A prompt as listings show it: the documented shape."""
    shown: dict[str, Any] = {"type": "text" if prompt.text is not None else "visual", "text": prompt.text}
    if prompt.id is not None:
        shown["id"] = prompt.id
    if prompt.boxes:
        shown["boxes"] = [{"x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1} for box in prompt.boxes]
        shown["box_labels"] = list(prompt.labels)
    return {**shown, "output_prob_thresh": prompt.threshold}
