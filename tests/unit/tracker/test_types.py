"""The nouns of the model side: what makes two prompts one, and what errors carry."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from tracker import Box, FrameGone, Mask, Prompt, Stage, TrackerError, UnknownObject, WeightsError, rle
from tracker.types import Part

BOX = Box(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Prompt("cup"), Prompt("cup", threshold=0.9), True),
        (Prompt("cup"), Prompt("mug"), False),
        (Prompt("cup", id="a"), Prompt("mug", id="a"), True),
        (Prompt("cup", id="a"), Prompt("cup", id="b"), False),
        (Prompt("cup", id="a"), Prompt("cup"), False),
        (Prompt(boxes=(BOX,), labels=(True,)), Prompt(boxes=(BOX,), labels=(True,)), True),
        (Prompt(boxes=(BOX,), labels=(True,)), Prompt(boxes=(BOX,), labels=(False,)), False),
        (Prompt("cup"), Prompt("cup", boxes=(BOX,), labels=(True,)), False),
    ],
)
def test_a_prompt_is_the_same_by_its_id_else_by_what_it_asks(one: Prompt, other: Prompt, same: bool) -> None:
    assert (one.key == other.key) is same


def test_a_mask_comes_back_as_it_went_in() -> None:
    dense = np.zeros((5, 7), bool)
    dense[1:4, 2:6] = True
    mask = Mask.from_dense(dense)
    assert (mask.height, mask.width) == (5, 7)
    np.testing.assert_array_equal(mask.dense(), dense)


def test_a_mask_is_packed_when_its_counts_are_first_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, packed = np.ones((2, 3), bool), list[int]()
    encode = rle.encode_part

    def counted(*given: Any) -> bytes:
        packed.append(1)
        return encode(*given)

    monkeypatch.setattr(rle, "encode_part", counted)
    mask = Mask(5, 7, Part(pixels, 1, 2))
    assert not packed
    dense = np.zeros((5, 7), bool)
    dense[1:3, 2:5] = True
    assert mask == Mask.from_dense(dense) and hash(mask) == hash(Mask.from_dense(dense))
    assert isinstance(mask.held, bytes) and (mask.area, len(packed)) == (6, 1)  # the pixels are let go


def test_a_mask_goes_to_another_process_packed() -> None:
    mask = Mask(1080, 1920, Part(np.ones((1000, 1000), bool), 0, 0))
    sent = pickle.dumps(mask)
    assert len(sent) < 3000 and pickle.loads(sent) == mask


def test_stages_read_as_their_names() -> None:
    assert [f"{stage}" for stage in Stage] == ["keyframe", "refine", "flow"]


def test_every_error_is_a_tracker_error_and_tells_what_is_there() -> None:
    assert FrameGone("gone", (3, 9)).available == (3, 9)
    assert all(issubclass(kind, TrackerError) for kind in (FrameGone, UnknownObject, WeightsError))
