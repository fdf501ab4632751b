"""
What requests of the hosted SAM3 API hold, as its documents and its clients have it.

The two endpoints disagree on boxes: in concept_segment a box's x and y are its top left corner, in visual_segment its
centre. Both are turned into corners here, and nothing behind this file knows of it. Fields that are not listed are
ignored: clients send some that concern billing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from streamer import limits
from streamer.wire import fields
from tracker import Box, SegmentPrompt

BASE_MODEL = "sam3/sam3_final"  # what hosted clients ask for; here it means the model that is loaded
MAX_ID = 256  # characters of an image_id
MAX_KEY = 256  # characters of an API key
MAX_OBJECTS = 64  # of one visual_segment request


class ImageIn(fields.Input):
    """A picture: ``type`` is base64, url or session (our extension: a live session's newest frame)."""

    type: Annotated[str, Field(max_length=64)]
    # Not empty for its own sake: without any bound pydantic lets lone surrogates through, which no answer can hold.
    value: Annotated[str | None, Field(min_length=0)] = None


class OnPicture(fields.Input):
    """What all three requests share. A cached ``image_id`` stands for the picture, so that it may be left out."""

    image_id: Annotated[str | None, Field(min_length=1, max_length=MAX_ID)] = None
    image: Annotated[ImageIn | None, Field(validate_default=True)] = None
    model_id: Annotated[str | None, Field(max_length=256)] = BASE_MODEL
    api_key: Annotated[str | None, Field(max_length=MAX_KEY)] = None

    @field_validator("image")
    @classmethod
    def _there_or_named(cls, value: ImageIn | None, info: ValidationInfo) -> ImageIn | None:
        if value is None and "image_id" in info.data and info.data["image_id"] is None:
            raise PydanticCustomError("missing", "Field required (or the image_id of a cached picture)")
        return value


class ConceptRequest(OnPicture):
    """Find every object of each concept."""

    prompts: Annotated[list[fields.PromptIn], Field(min_length=1, max_length=limits.MAX_PROMPTS)]
    format: Literal["polygon", "rle", "json"] = "polygon"
    output_prob_thresh: fields.Share | None = None
    nms_iou_threshold: fields.Share | None = None
    holes: bool = False


class CenterBox(fields.Input):
    """A box by its centre and its size, in pixels: the convention of visual_segment alone."""

    x: fields.Pixel
    y: fields.Pixel
    width: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    height: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def box(self) -> Box:
        """As corners."""
        across, down = self.width / 2, self.height / 2
        return Box(self.x - across, self.y - down, self.x + across, self.y + down)


_AnyBox = Annotated[
    Annotated[CenterBox, Tag("topleft")] | Annotated[fields.CornerBox, Tag("corners")], Discriminator(fields._anchor)
]


class VisualPrompt(fields.Input):
    """One object: a box, points, or both; with neither the model answers what it takes for the main object."""

    box: _AnyBox | None = None
    points: Annotated[list[fields.PointIn] | None, Field(max_length=limits.MAX_POINTS)] = None

    def prompt(self) -> SegmentPrompt:
        """As the tracker's."""
        points = tuple(point.point() for point in self.points or ())
        return SegmentPrompt(points, None if self.box is None else self.box.box())


class VisualRequest(OnPicture):
    """Segment what is pointed at."""

    prompts: list[VisualPrompt] = Field(default_factory=lambda: [VisualPrompt()], max_length=MAX_OBJECTS)
    format: Literal["json", "polygon", "rle", "binary"] = "json"
    sam2_version_id: Literal["hiera_tiny", "hiera_small", "hiera_large", "hiera_b_plus"] = "hiera_large"
    multimask_output: bool = True
    return_candidates: bool = False
    holes: bool = False
    save_logits_to_cache: bool = False
    load_logits_from_cache: bool = False

    @field_validator("prompts", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """A set of prompts, a bare list, one bare prompt, or nothing: as a list."""
        if isinstance(value, dict) and "prompts" in value:
            value = value["prompts"]
        if isinstance(value, dict):
            value = [value]
        return [{}] if value is None or value == [] else value


class EmbedRequest(OnPicture):
    """Keep a picture's embedding for later requests."""
