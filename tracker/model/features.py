"""What stays inside ``tracker``: a picture's features, and masks that are still logits."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tracker.types import Box, Point, Prompt

Logits = Tensor  # (S, S) mask logits over the whole picture
CLAMP = 32.0  # logits fed back as mask prompts stay within this (sam1_task_predictor.py)
Levels = tuple[Tensor, ...]  # three: (1, C/8, 4g, 4g), (1, C/4, 2g, 2g) and (1, C, g, g); g patches a side


@dataclass(frozen=True, slots=True)
class Embedding:
    """
    What the backbone makes of one picture. Never edited in place.

    ``trunk``: (1, D, g, g), what concept detection begins with, None in an :meth:`interactive_only` version.
    ``interactive``: for clicks, boxes and memory; empty where the model's weights have no part for any of these.
    ``small``: the picture itself, (S, S, 3) RGB, for a model whose clicks are guided by it; ``fine``: the same at
    guides.FINER times the side; ``colors``: ``small`` in OpenCV's L*a*b* of 8 bits, where the features are.
    """

    height: int  # of the picture, pixels
    width: int
    trunk: Tensor | None
    interactive: Levels
    small: npt.NDArray[np.uint8] | None = None
    fine: npt.NDArray[np.uint8] | None = None
    colors: Tensor | None = None

    @property
    def nbytes(self) -> int:
        """The memory its features hold."""
        held = (self.trunk, *self.interactive, self.small, self.fine, self.colors)
        return sum(each.nbytes for each in held if each is not None)

    def interactive_only(self) -> Embedding:
        """The same without what only the detector reads: a half to two thirds of the memory, enough for clicks."""
        return replace(self, trunk=None)


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A picture on a device: ``pixels`` (height, width, 3) of RGB; the others as in :class:`Embedding`."""

    pixels: Tensor
    small: npt.NDArray[np.uint8] | None
    fine: npt.NDArray[np.uint8] | None
    colors: Tensor | None

    @property
    def side(self) -> int | None:
        """S; None where there is no small picture."""
        return None if self.small is None else len(self.small)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """What example boxes show, taken from one picture to ask others for it: T tokens of the model that saw it."""

    tokens: Tensor  # (T, 1, C)
    padding: Tensor  # (1, T), True where a token means nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown(Prompt):
    """A prompt whose example boxes are of another picture; it has no ``boxes`` of its own."""

    example: Example

    @classmethod
    def of(cls, prompt: Prompt, example: Example) -> Shown:
        """The same prompt, its boxes replaced by what they showed."""
        return cls(prompt.text, threshold=prompt.threshold, id=prompt.id, example=example)


def kind(prompt: Prompt) -> Hashable:
    """What prompts that go in one pass have in common: how many boxes, or tokens of an example."""
    return (len(prompt.example.tokens), "tokens") if isinstance(prompt, Shown) else (len(prompt.boxes), "boxes")


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """What one prompt found: N objects, best score first."""

    scores: Tensor  # (N,) 0 to 1, the presence score multiplied in; on the host
    logits: Tensor  # (N, S, S) mask logits over the whole picture

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True, eq=False)
class SegmentPrompt:
    """One object asked for by points, a box, earlier logits (S, S), or several of these. Pixels of the picture."""

    points: tuple[Point, ...] = ()
    box: Box | None = None
    logits: Logits | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """
    What :meth:`Sam3.segment` answers for B objects: M candidates each (3, or 1 without multimask), best first.

    ``ious`` is the model's own estimate of each mask's quality; ``present`` its belief that the object is there at all.
    """

    logits: Tensor  # (B, M, S, S), within ±32
    ious: Tensor  # (B, M) 0 to 1
    present: Tensor  # (B,) 0 to 1

    @classmethod
    def joined(cls, parts: Sequence[Segmentation]) -> Segmentation:
        """The answers of several calls, one after the other."""
        fields = ("logits", "ious", "present")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in fields))
