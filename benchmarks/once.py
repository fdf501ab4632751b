"""A model that looks at each frame once, however many policies are judged on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tracker import Prompt, Sam3
from tracker.model.features import Detected, Embedding


class Once:
    """
    A :class:`tracker.Sam3` that keeps every embedding, and every answer of the detector, for as long as it lives.

    The answers are the same; what changes is what a second policy on the same film costs. It holds on to the frames
    it was shown (3 MB each with nano), so it is made for one film and then dropped.
    """

    def __init__(self, model: Sam3) -> None:
        self._model = model
        self._embeddings: dict[int, tuple[npt.NDArray[np.uint8], Embedding]] = {}  # the picture keeps its id from reuse
        self._detected: dict[tuple[int, Prompt], tuple[Embedding, Detected]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def embed(self, image: npt.NDArray[np.uint8]) -> Embedding:
        """The backbone's features of a picture."""
        if id(image) not in self._embeddings:
            self._embeddings[id(image)] = image, self._model.embed(image)
        return self._embeddings[id(image)][1]

    def detect(self, embedding: Embedding, prompts: Sequence[Prompt]) -> list[Detected]:
        """What each prompt finds on an embedding of this model's."""
        new = [prompt for prompt in prompts if (id(embedding), prompt) not in self._detected]
        for prompt, found in zip(new, self._model.detect(embedding, new), strict=True):
            self._detected[id(embedding), prompt] = embedding, found
        return [self._detected[id(embedding), prompt][1] for prompt in prompts]
