"""What requests are made of: boxes, points, prompts, and the words for what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from streamer.errors import BadRequest
from streamer.limits import MAX_BOXES, MAX_PROMPTS, MAX_TEXT
from tracker import Box, Point, Prompt

DEFAULT_THRESHOLD = 0.5
SHARES = "The points lie in the first pixel: coordinates are pixels of the picture, not shares of it."
MaskFormat = Literal["rle", "polygon", "none"]
Model = TypeVar("Model", bound=BaseModel)
Pixel = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Input(BaseModel):
    """What clients send; fields we do not know are ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class TopLeftBox(Input):
    """A box by its top left corner and its size, in pixels."""

    x: Pixel
    y: Pixel
    width: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    height: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def box(self) -> Box:
        """As corners."""
        return Box(self.x, self.y, self.x + self.width, self.y + self.height)


class CornerBox(Input):
    """A box by its left, top, right and bottom edge, in pixels."""

    x0: Pixel
    y0: Pixel
    x1: Pixel
    y1: Pixel

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


class PointIn(Input):
    """A click, in pixels."""

    x: Pixel
    y: Pixel
    positive: bool = True

    def point(self) -> Point:
        """As the tracker's."""
        return Point(self.x, self.y, self.positive)


class PromptIn(Input):
    """
    The documented prompt: text, exemplar boxes, or both. ``type`` is only a hint, except that a visual one needs boxes.

    Used live it may have an ``id``, and with boxes it needs the ``frame_index`` they were drawn on.
    """

    # The order matters: a validator sees the fields above its own.
    id: Annotated[str | None, Field(max_length=MAX_TEXT)] = None
    frame_index: Annotated[int | None, Field(ge=0)] = None
    output_prob_thresh: Share | None = None
    type: str | None = None
    boxes: Annotated[list[BoxIn] | None, Field(max_length=MAX_BOXES, validate_default=True)] = None
    box_labels: list[bool] | None = None
    text: Annotated[str | None, Field(max_length=MAX_TEXT, validate_default=True)] = None

    @field_validator("type")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value not in (None, "text", "visual"):
            raise PydanticCustomError("prompt_type", "Input should be 'text' or 'visual'")
        return value

    @field_validator("boxes")
    @classmethod
    def _shown(cls, value: list[BoxIn] | None, info: ValidationInfo) -> list[BoxIn] | None:
        if info.data.get("type") == "visual" and not value:
            raise PydanticCustomError("visual_without_boxes", "A visual prompt should have boxes")
        return value

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

    def prompt(self, threshold: float = DEFAULT_THRESHOLD) -> Prompt:
        """As the tracker's; ``threshold`` holds where the prompt has none of its own."""
        boxes = tuple(box.box() for box in self.boxes or ())
        labels = tuple(self.box_labels) if self.box_labels is not None else (True,) * len(boxes)
        own = self.output_prob_thresh
        return Prompt(self.text, boxes, labels, threshold if own is None else own, self.id)


def shares(points: Sequence[Point]) -> bool:
    """Whether points look like shares of the picture, given by mistake: all in its first pixel, and not whole."""
    places = [(point.x, point.y) for point in points]
    return all(0 <= x <= 1 and 0 <= y <= 1 for x, y in places) and any(x % 1 or y % 1 for x, y in places)


def text_prompts(texts: Sequence[str], threshold: float = DEFAULT_THRESHOLD) -> list[Prompt]:
    """
    Prompts from bare words, as ``?prompt=`` and the command line give them; ``threshold``: the model's.

    Raises BadRequest.
    """
    if len(texts) > MAX_PROMPTS:
        raise BadRequest(f"There are {len(texts)} prompts; at most {MAX_PROMPTS} can be asked.", field="prompt")
    return [parse(PromptIn, {"text": text}).prompt(threshold) for text in texts]


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


def spelled_out(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [{"type": "text", "text": prompt} if isinstance(prompt, str) else prompt for prompt in value]
