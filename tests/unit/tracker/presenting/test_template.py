"""Objects found again by how their look's picture shows them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.moving import SIDE, picture, shown
from tracker.presenting import template
from tracker.presenting.motion import small
from tracker.presenting.params import DEFAULTS
from tracker.presenting.placing import drawn, extent, framed
from tracker.presenting.similarity import still
from tracker.presenting.template import PLACES, Templates

THERE = [(40, 50), (200, 120)]


def templates(*corners: tuple[int, int]) -> Templates:
    grey, objects = small(picture(*corners)), [shown(*corner) for corner in corners]
    masks = [(each, framed(each.logits), where) for each in objects if (where := extent(each.logits)) is not None]
    return Templates(grey, [part for part in drawn(masks, still(len(masks)), (grey.shape,) * 3) if part], DEFAULTS)


def light(*corners: tuple[int, int], gain: float = 1.0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return small(picture(*corners)).astype(np.float32) * np.float32(gain)


def test_each_object_is_found_where_it_is() -> None:
    fit = templates(*THERE).aligned(still(2), light((42, 49), (198, 121)), 6)
    centres = np.array(THERE) + SIDE / 2
    moved = np.einsum("mij,mj->mi", fit.poses[:, :, :2], centres) + fit.poses[:, :, 2] - centres
    assert np.allclose(moved, [(2, -1), (-2, 1)], atol=0.25)
    assert np.allclose(fit.poses[:, 0, 0], 1, atol=0.02)


def test_lights_change_nothing() -> None:
    dark = templates(*THERE).aligned(still(2), light((42, 49), (198, 121), gain=0.15), 6)
    bright = templates(*THERE).aligned(still(2), light((42, 49), (198, 121)), 6)
    assert np.abs(dark.poses - bright.poses).max() < 0.35
    assert np.allclose(dark.gain, 0.15, atol=0.02)
    assert templates(*THERE).seen(dark).min() > 0.9


def test_a_pose_is_never_made_worse() -> None:
    """Nothing of the objects is there: they stay, and are not seen."""
    mine = templates(*THERE)
    _, least = mine.fit(still(2), light())
    fit = mine.aligned(still(2), light(), 6)
    assert (mine.fit(fit.poses, light())[1] <= least).all()
    assert mine.seen(fit).max() < 0.7 < mine.seen(mine.fit(still(2), light(*THERE))[0]).min()


def test_what_left_the_picture_is_not_called_hidden() -> None:
    mine, away = templates(*THERE), still(2)
    away[0, 0, 2] = 1000
    fit, _ = mine.fit(away, light(*THERE))
    assert mine.seen(fit)[0] == 1.0
    assert fit.within[: mine.groups.counts[0]].max() == 0


def test_many_objects_share_a_bounded_number_of_places() -> None:
    many = templates(*[(10 + 3 * place, 10 + 2 * place) for place in range(64)])
    assert many.groups.counts.max() <= template.ALL_PLACES // 64
    assert templates((40, 50)).groups.counts.max() == PLACES[1]


def test_brightness_of_one_object_is_told() -> None:
    mine = templates(*THERE)
    fit, _ = mine.fit(still(2), light(*THERE, gain=0.5))
    told = mine.light(fit, 0)
    assert told.gain == pytest.approx(0.5, abs=0.02)
    assert told.mean + told.offset == pytest.approx(0.5 * told.mean, abs=3)
    assert told.tolerance >= DEFAULTS.tone * 0.45
