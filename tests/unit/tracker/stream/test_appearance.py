"""What masks cover, by the finest features of an embedding."""

from __future__ import annotations

import pytest
import torch

from benchmarks.support.fake_model import FakeModel, picture
from tests.support.objects import square
from tracker.stream.appearance import alike, appearances, blended


def test_the_same_thing_elsewhere_covers_the_same_and_another_does_not() -> None:
    one = FakeModel().embed(picture(("red", 20, 20, 32), ("green", 80, 80, 32)))
    later = FakeModel().embed(picture(("red", 60, 20, 32), ("green", 80, 80, 32)))
    (before,) = appearances(one, square(10, 10, 16)[None])
    now = appearances(later, torch.stack([square(30, 10, 16), square(40, 40, 16)]))
    same, other = alike(now, before.expand(2, -1)).tolist()
    assert same == pytest.approx(1.0)
    assert other < 0.5


def test_an_empty_mask_covers_nothing_and_is_like_nothing() -> None:
    embedding = FakeModel().embed(picture(("red", 20, 20, 32)))
    (empty, whole) = appearances(embedding, torch.stack([torch.full((64, 64), -1.0), square(10, 10, 16)]))
    assert bool(empty.isfinite().all())
    assert alike(empty[None], whole[None]) < 0


def test_what_is_known_follows_slowly_what_is_seen() -> None:
    old, new = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert blended(None, new, 0.1) is new
    assert blended(old, new, 0.25).tolist() == [0.75, 0.25]
