"""What is shown of a stream's objects, for presenting."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from tests.support.pretended_torch import pretended_cuda
from tracker import load_model
from tracker.model.sam3 import Sam3
from tracker.presenting.snapshot import MOST_SIDE
from tracker.stream.objects import Followed, settle
from tracker.stream.showing import fetch, shown, tracks
from tracker.types import Box, Part, Prompt, prompt_keys


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


def test_masks_on_a_device_are_brought_to_the_host_once_however_many_they_are() -> None:
    prompt = Prompt("cup")
    with pretended_cuda() as device:
        every = [followed(number, prompt, 0.9, 2 * MOST_SIDE) for number in (1, 2, 3)]
        for each in every:
            each.logits = device.put(each.logits * 40.03)
        with device.counting() as counts:
            fetch(every, fine=False)
            settle(every)
            (one,) = [each for each in every if each.visible]  # of three on one place
            (first,) = tracks(MODEL, [one], [prompt], (96, 128), 0.1, 5)
            assert len(shown(MODEL, [one], [prompt], 5)) == 1
        assert sum(counts.copies.values()) == 1
        assert (first.box, first.mask.area) == (Box(0, 0, 128, 96), 96 * 128)
        every[0].logits = device.put(torch.ones(2 * MOST_SIDE, 2 * MOST_SIDE))
        with device.counting() as counts:
            (told,) = shown(MODEL, every[:1], [prompt], 5)  # an order changed it
        assert sum(counts.copies.values()) == 1
        assert float(told.logits.max()) == 1


def test_masks_that_nobody_presents_leave_the_device_as_fine_as_they_are() -> None:
    prompt = Prompt("cup")
    with pretended_cuda() as device:
        each, model = followed(1, prompt, 0.9, 4 * MOST_SIDE), load_model("nano")
        each.logits[:, 1::2] = -1  # stripes that nothing of half the size can show
        each.logits = device.put(each.logits)
        with device.counting() as counts:
            fetch([each])
            (fine,) = tracks(model, [each], [prompt], (4 * MOST_SIDE, 4 * MOST_SIDE), 0.1, 5)
        assert sum(counts.copies.values()) == 1
        assert isinstance(fine.mask.held, Part)  # packed later, by another thread
        (told,) = shown(model, [each], [prompt], 5)
        assert told.logits.shape == (MOST_SIDE, MOST_SIDE)
        fetch([each], fine=False)
        (coarse,) = tracks(model, [each], [prompt], (4 * MOST_SIDE, 4 * MOST_SIDE), 0.1, 5)
        assert fine.mask != coarse.mask
        assert fine.mask.area == (4 * MOST_SIDE) ** 2 // 2
