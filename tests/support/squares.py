"""A live source that the fake model understands, and what is told of it."""

from __future__ import annotations

from typing import Any

from benchmarks.support.fake_model import picture
from streamer.frame import Picture
from tests.support.sources import HandSource
from tracker import Prompt

RED, GREEN = Prompt("red"), Prompt("green")
WAY = 2  # pixels that the red square goes with each frame


class Squares(HandSource):
    """A red square that goes to the right, and a green one that stands."""

    def picture(self, index: int) -> Picture:
        return picture(("red", 10 + WAY * index % 60, 20, 30), ("green", 80, 80, 30))


def ids(message: dict[str, Any]) -> list[int]:
    return [found["object_id"] for entry in message["prompt_results"] for found in entry["predictions"]]
