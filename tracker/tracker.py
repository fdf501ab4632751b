"""One stream's state: objects with ids that are never reused, followed from frame to frame."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from tracker.sam3 import Sam3
from tracker.types import Answer, Box, FrameGone, Point, Prompt, Stage, Step, Track, UnknownObject

Picture = npt.NDArray[np.uint8]


class Tracker:
    """One stream. All methods are called on the model thread only. A first version: ids change."""

    def __init__(
        self,
        model: Sam3,
        prompts: Sequence[Prompt] = (),
        *,
        interval: int = 10,
        follower: Literal["pvs", "memory"] = "pvs",
        first_id: int = 1,
        max_objects: int = 64,
    ) -> None:
        self.model = model
        self.prompts: tuple[Prompt, ...] = tuple(prompts)
        self.next_id = first_id

    def set_prompts(self, prompts: Sequence[Prompt], *, index: int | None = None) -> None:
        """Replace the prompts; the next step is a keyframe. ``index``: the frame on which new boxes were drawn."""
        self.prompts = tuple(prompts)

    def step(self, image: Picture, index: int, seconds: float) -> Step:
        """Look at one frame."""
        started = time.perf_counter()
        embedding = self.model.embed(image)
        embedded = time.perf_counter()
        tracks = []
        for found in self.model.concept_segment(embedding, [prompt for prompt in self.prompts if prompt.text]):
            for each in found:
                tracks.append(
                    Track(self.next_id, each.prompt, each.score, each.box, each.mask, 0, Stage.KEYFRAME, False)
                )
                self.next_id += 1
        done = time.perf_counter()
        return Step(Stage.KEYFRAME, "interval", tracks, {"embed": embedded - started, "detect": done - embedded})

    def click(self, index: int, points: Sequence[Point], object_id: int | None = None) -> Answer:
        """Answer a click on a frame that was shown. Raises FrameGone, UnknownObject, TrackerError."""
        raise FrameGone(f"frame {index} is gone", None)

    def box(self, index: int, box: Box) -> Answer:
        """Make an object of a box drawn on a frame that was shown. Raises FrameGone, TrackerError."""
        raise FrameGone(f"frame {index} is gone", None)

    def remove(self, object_id: int) -> None:
        """Drop an object. Raises UnknownObject."""
        raise UnknownObject(f"there is no object {object_id}")

    def reset(self) -> None:
        """Drop objects and memory; keep prompts and the highest id."""

    def close(self) -> None:
        """Free everything."""
