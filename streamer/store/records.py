"""What is known of a session that stays: plain values, and how they are written."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from streamer.limits import MAX_BOXES, MAX_PROMPTS, MAX_TEXT
from tracker import Box, Prompt

Share = tuple[float, float, float, float]  # left, top, right, bottom as shares of a picture


class Origin(StrEnum):
    """
    Who asked for a session. The command line and the file of sources ask again at each start.

    WHIP: a camera that sends to us. No one but it can bring its picture again.
    """

    HTTP = "http"
    COMMAND = "command"
    FILE = "file"
    WHIP = "whip"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, as JPEG, and on it the example boxes of one prompt."""

    picture: bytes = field(repr=False)
    boxes: tuple[Share, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the picture, in hex: prompts that were drawn on one picture share it."""
        return hashlib.sha256(self.picture).hexdigest()


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt, and where its boxes were drawn; None where it has none, or their picture could not be kept."""

    prompt: Prompt
    drawn: Drawn | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """
    A session that stays.

    ``first``: the prompts that it was started with; ``asked``: those that it has now. ``next_id``: no object was given
    this id, nor a higher one. ``options``: settings of the session; there are none yet.
    """

    id: str
    origin: Origin
    address: str = field(repr=False)  # with passwords
    created: float  # seconds since 1970
    first: tuple[Prompt, ...]
    asked: tuple[Asked, ...]
    next_id: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def new(
        cls,
        address: str,
        prompts: Sequence[Prompt],
        origin: Origin,
        *,
        id: str | None = None,  # noqa: A002
    ) -> Kept:
        """One that has not begun; without an ``id`` it gets one that cannot be guessed."""
        asked = tuple(Asked(prompt) for prompt in prompts)
        return cls(id or secrets.token_hex(6), origin, address, time.time(), tuple(prompts), asked)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What is asked now."""
        return tuple(each.prompt for each in self.asked)


def prompt_text(prompt: Prompt) -> str:
    """A prompt as it is written."""
    return json.dumps(
        {
            "text": prompt.text,
            "boxes": [_edges(box) for box in prompt.boxes],
            "labels": prompt.labels,
            "threshold": prompt.threshold,
            "id": prompt.id,
        }
    )


def prompts_text(prompts: Sequence[Prompt]) -> str:
    """Several of them."""
    return json.dumps([prompt_text(prompt) for prompt in prompts])


def read_prompt(text: str) -> Prompt:
    """A prompt that was written. Raises ValueError for what is none."""
    try:
        given = json.loads(text)
        boxes = tuple(Box(*_numbers(each)) for each in given["boxes"])
        labels = tuple(bool(each) for each in given["labels"])
        prompt = Prompt(_words(given["text"]), boxes, labels, float(given["threshold"]), _words(given["id"]))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it is no prompt") from error
    if len(boxes) > MAX_BOXES or len(labels) not in (0, len(boxes)) or not 0 <= prompt.threshold <= 1:
        raise ValueError("it is no prompt")
    if not boxes and not (prompt.text and prompt.text.strip()):
        raise ValueError("it is no prompt")
    return prompt


def read_prompts(text: str) -> tuple[Prompt, ...]:
    """Several of them. Raises ValueError."""
    given = json.loads(text)
    if not isinstance(given, list) or len(given) > MAX_PROMPTS:
        raise ValueError("it is no list of prompts")
    return tuple(read_prompt(each) for each in given)


def boxes_text(boxes: Sequence[Share]) -> str:
    """Where boxes were drawn, as it is written."""
    return json.dumps(boxes)


def read_boxes(text: str) -> tuple[Share, ...]:
    """The same read. Raises ValueError."""
    given = json.loads(text)
    if not isinstance(given, list) or len(given) > MAX_BOXES:
        raise ValueError("it is no list of boxes")
    return tuple(_numbers(each) for each in given)


def _edges(box: Box) -> Share:
    return box.x0, box.y0, box.x1, box.y1


def _numbers(given: Any) -> Share:
    try:
        x0, y0, x1, y1 = (float(each) for each in given)
    except TypeError as error:
        raise ValueError("it is no box") from error
    return x0, y0, x1, y1


def _words(given: Any) -> str | None:
    if given is not None and (not isinstance(given, str) or len(given) > MAX_TEXT):
        raise ValueError("it is no text")
    return given


def options_text(options: dict[str, Any]) -> str:
    """Settings of a session, as they are written."""
    return json.dumps(options)


def read_options(text: str) -> dict[str, Any]:
    """The same read. Raises ValueError."""
    given = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError("it has no settings")
    return given
