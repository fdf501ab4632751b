"""What a look showed on its frame: what presenting moves along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tracker.types import Key, Prompt, Stage

MOST_SIDE = 128  # cells of a mask's side: larger ones are made smaller, before they leave the model's device

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """
    One object as a look shows it.

    ``logits`` (S, S), S at most ``MOST_SIDE``, over the whole picture, positive inside, small holes and specks mended.
    ``key``: of the prompt that found it, None for clicks and boxes. ``age``: looked-at frames since it was first seen.
    """

    id: int
    key: Key | None
    score: float
    tentative: bool
    age: int
    stage: Stage
    logits: Logits


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """
    All that is shown on one looked-at frame, or after an order on the newest one.

    ``index`` is the frame's; ``scene`` the scene's number that the tracker was told; ``prompts`` the list in force.
    ``order`` counts the orders that are in force. ``stage``, while the frame is still being looked at: what was done.
    """

    index: int
    scene: int
    stage: Stage
    reason: str
    objects: tuple[Shown, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    notes: Mapping[int, str] = field(default_factory=dict)
    order: int = 0
