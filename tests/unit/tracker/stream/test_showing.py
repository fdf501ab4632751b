"""What is shown of a stream's objects, for presenting."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from tracker.model.sam3 import Sam3
from tracker.presenting.snapshot import MOST_SIDE
from tracker.stream.objects import Followed
from tracker.stream.showing import shown
from tracker.types import Prompt, prompt_keys


class Mender:
    """The part of a model that this needs: it finds nothing to mend."""

    def mended(self, logits: Tensor, area: int) -> Tensor:
        return logits


MODEL = cast(Sam3, Mender())


def followed(number: int, prompt: Prompt, score: float, side: int = 32) -> Followed:
    return Followed(number, prompt_keys([prompt])[0], torch.ones(side, side), score, 0, 0.0, (0, 0, 1, 1))


def test_objects_under_their_prompts_threshold_are_not_shown() -> None:
    prompt = Prompt("cup", threshold=0.8)
    (told,) = shown(MODEL, [followed(1, prompt, 0.7), followed(2, prompt, 0.9)], [prompt], 5)
    assert (told.id, told.age) == (2, 5)
    assert shown(MODEL, [], [prompt], 5) == ()


def test_large_masks_are_made_smaller() -> None:
    prompt = Prompt("cup")
    (told,) = shown(MODEL, [followed(1, prompt, 0.9, 2 * MOST_SIDE)], [prompt], 5)
    assert told.logits.shape == (MOST_SIDE, MOST_SIDE)
