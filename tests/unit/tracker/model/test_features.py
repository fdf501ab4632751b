"""What stays inside: features that are never edited, and how much memory they hold."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tracker import Box, Detected, Embedding, Prompt, Segmentation
from tracker.model.features import Example, Shown, kind

FEATURES = tuple(torch.zeros(1, 4, side, side) for side in (8, 4, 2))
PICTURE = Embedding(96, 128, torch.zeros(1, 4, 2, 2), (FEATURES[0], FEATURES[1], FEATURES[2]))


def test_an_embedding_tells_the_memory_of_all_its_features() -> None:
    assert PICTURE.nbytes == 4 * 4 * (4 + 64 + 16 + 4)


def test_the_clicks_half_shares_its_features_and_leaves_the_rest() -> None:
    clickable = PICTURE.interactive_only()
    assert clickable.trunk is None
    assert clickable.nbytes == PICTURE.nbytes - 4 * 4 * 4
    assert clickable.interactive[0] is PICTURE.interactive[0]
    assert (clickable.height, clickable.width) == (96, 128)


def test_an_embedding_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PICTURE.height = 3  # type: ignore[misc]


def test_detections_tell_their_number() -> None:
    assert len(Detected(torch.rand(3), torch.zeros(3, 8, 8))) == 3


def test_the_answers_of_several_calls_are_joined_in_their_order() -> None:
    whole = Segmentation(torch.rand(5, 3, 8, 8), torch.rand(5, 3), torch.rand(5))
    parts = [
        Segmentation(whole.logits[part], whole.ious[part], whole.present[part])
        for part in (slice(0, 2), slice(2, 2), slice(2, 5))
    ]
    for joined in (Segmentation.joined(parts), Segmentation.joined([whole])):
        assert torch.equal(joined.logits, whole.logits)
        assert torch.equal(joined.ious, whole.ious)
        assert torch.equal(joined.present, whole.present)


def test_a_prompt_that_was_shown_elsewhere_keeps_all_but_its_boxes() -> None:
    example = Example(torch.zeros(3, 1, 4), torch.zeros(1, 3, dtype=torch.bool))
    prompt = Prompt("cup", (Box(1, 2, 3, 4),), (True,), 0.3, "mine")
    shown = Shown.of(prompt, example)
    assert (shown.text, shown.boxes, shown.labels, shown.threshold, shown.id) == ("cup", (), (), 0.3, "mine")
    assert shown.key == prompt.key
    assert kind(shown) not in {kind(Prompt("cup")), kind(prompt), kind(Prompt(boxes=prompt.boxes * 3))}
