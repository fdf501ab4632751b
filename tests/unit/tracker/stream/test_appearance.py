"""What masks cover, by the finest features of an embedding and the colours of its picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.support.fake_model import FakeModel, picture
from tests.support.objects import square
from tracker.model import guides
from tracker.stream.appearance import alike, appearances, blended


def test_the_same_thing_elsewhere_covers_the_same_and_another_does_not() -> None:
    one = FakeModel().embed(picture(("red", 20, 20, 32), ("green", 80, 80, 32)))
    later = FakeModel().embed(picture(("red", 60, 20, 32), ("green", 80, 80, 32)))
    (before,) = appearances(one, square(10, 10, 16)[None])
    now = appearances(later, torch.stack([square(30, 10, 16), square(40, 40, 16)]))
    same, other = alike(now, before.expand(2, -1)).tolist()
    assert same == pytest.approx(1.0)
    assert other < 0.5


def test_where_features_are_the_same_the_colours_tell_two_things_apart() -> None:
    seen = FakeModel().embed(picture(("red", 20, 20, 32), ("green", 80, 80, 32)))
    fine, *others = seen.interactive
    colors = np.zeros((64, 64, 3), np.uint8)
    colors[10:26, 10:26], colors[40:56, 40:56] = (200, 30, 30), (30, 200, 30)
    both = torch.stack([square(10, 10, 16), square(40, 40, 16)])
    flat = replace(seen, interactive=(torch.ones_like(fine), *others))
    red, green = appearances(replace(flat, colors=guides.colors(colors)), both)
    assert alike(red[None], green[None]) < 0.5
    again, _ = appearances(replace(flat, colors=guides.colors(colors)), both)
    assert alike(red[None], again[None]) == pytest.approx(1.0)


def test_an_empty_mask_covers_nothing_and_is_like_nothing() -> None:
    embedding = FakeModel().embed(picture(("red", 20, 20, 32)))
    (empty, whole) = appearances(embedding, torch.stack([torch.full((64, 64), -1.0), square(10, 10, 16)]))
    assert bool(empty.isfinite().all())
    assert alike(empty[None], whole[None]) < 0


def test_what_is_known_follows_slowly_what_is_seen() -> None:
    old, new = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert blended(None, new, 0.1) is new
    assert blended(old, new, 0.25).tolist() == [0.75, 0.25]
