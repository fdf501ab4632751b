"""Batches: pictures of worlds, what is asked of them, and what is right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tracker.training.data import (
    BARE,
    IGNORED,
    PHOTO_CLICKS,
    Batch,
    Supply,
    WorldBatches,
    batch_of,
    draw_still,
    easy_share,
    gather,
    make_batch,
    still,
)
from tracker.training.losses import corners
from tracker.training.masks import MASK_SIDE
from tracker.training.recipe import MODEL, Recipe
from tracker.worlds import photos, regions
from tracker.worlds.scenes import Scene
from tracker.worlds.things import Thing
from tracker.worlds.variety import WIDE


@pytest.fixture(scope="module")
def batch() -> Batch:
    return make_batch(np.random.default_rng(3), pictures=2, prompts=3, clicks=3)


def test_a_batch_agrees_with_itself(batch: Batch) -> None:
    assert batch.images.shape == (2, 3, MODEL.image_size, MODEL.image_size)
    assert len(batch.texts) == len(batch.image_of_prompt) == len(batch.target_counts) == 6
    assert batch.target_counts.sum() == len(batch.target_boxes) == len(batch.target_masks)
    assert batch.target_masks.shape[1:] == (MASK_SIDE, MASK_SIDE)
    assert batch.points.shape == (6, 4, 2) and batch.point_labels.shape == (6, 4)
    assert torch.equal(batch.click_exists, batch.click_masks.flatten(1).sum(1) > 0)


def test_target_boxes_are_around_their_masks(batch: Batch) -> None:
    for box, mask in zip(corners(batch.target_boxes), batch.target_masks, strict=True):
        rows, columns = np.nonzero(mask.numpy() > 0)
        found = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / MASK_SIDE
        assert (found - box).abs().max() <= 1.5 / MASK_SIDE


def test_its_random_numbers_decide_a_batch() -> None:
    one, again, other = (make_batch(np.random.default_rng(seed), 1, 2, 2) for seed in (6, 6, 7))
    assert one.texts == again.texts
    assert torch.equal(one.images, again.images) and torch.equal(one.points, again.points)
    assert not torch.equal(one.images, other.images)


def test_batches_never_end_and_never_repeat() -> None:
    batches = iter(WorldBatches((1, 2), 1, Recipe(prompts=1, clicks=1, again=0), BARE, torch.ones(())))
    assert not torch.equal(next(batches).images, next(batches).images)


def test_a_drawn_picture_is_asked_about_again() -> None:
    batches = iter(WorldBatches((1, 2), 1, Recipe(prompts=1, clicks=1, again=3), BARE, torch.ones(())))
    pictures = {next(batches).images.numpy().tobytes() for _ in range(16)}
    assert 1 < len(pictures) < 12


def test_worlds_are_plain_at_first_and_then_less_and_less_often() -> None:
    shares = [easy_share(done, 0.1, 0.5) for done in (0.0, 0.09, 0.1, 0.5, 1.0)]
    assert shares == [1, 1, 0.45, 0.25, 0]


def test_who_draws_sees_the_time_go_by() -> None:
    done = torch.zeros(()).share_memory_()
    tiny = Supply(variety=replace(WIDE, radius=(0.02, 0.021)))
    recipe = Recipe(prompts=4, clicks=1, again=0, easy=0.5)
    batches = WorldBatches((1, 2), 4, recipe, tiny, done)
    loader = iter(DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=1))
    plain = [_largest(next(loader)) for _ in range(2)]
    done.fill_(1.0)
    next(loader), next(loader)  # drawn before
    wide = [_largest(next(loader)) for _ in range(2)]
    assert min(plain) > 2 * max(wide)


def _largest(batch: Batch) -> float:
    """Cells of the largest object that is asked for."""
    return float(batch.target_masks.sum((1, 2)).max())


def test_half_the_side_has_the_same_shares_and_questions(batch: Batch) -> None:
    half = batch.halved()
    assert half.images.shape[-1] * 2 == batch.images.shape[-1]
    for name in ("target_masks", "click_masks", "colors", "names", "extents", "previous"):
        one, other = getattr(batch, name), getattr(half, name)
        assert other.shape == (*one.shape[:-2], MASK_SIDE // 2, MASK_SIDE // 2), name
    assert torch.allclose(half.click_masks.mean((1, 2)), batch.click_masks.mean((1, 2)), atol=1e-6)
    assert half.texts == batch.texts


def test_extents_are_the_boxes_of_what_covers_a_place(batch: Batch) -> None:
    dx, dy, wide, high = batch.extents[0]
    rows, columns = torch.nonzero(wide > 0, as_tuple=True)
    assert len(rows)
    x, y = (columns + 0.5) / MASK_SIDE, (rows + 0.5) / MASK_SIDE
    assert (dx[rows, columns].abs() <= wide[rows, columns] / 2 + 1 / MASK_SIDE).all()
    assert ((y + dy[rows, columns] + high[rows, columns] / 2) <= 1.01).all()
    assert ((x + dx[rows, columns] - wide[rows, columns] / 2) >= -0.01).all()


def test_a_still_is_drawn_at_one_of_the_sizes_that_cameras_have() -> None:
    shapes = {draw_still(np.random.default_rng(seed), seed)[0].shape for seed in range(30)}
    assert len(shapes) >= 4
    assert all(224 <= height <= 448 and 224 <= width <= 448 and channels == 3 for height, width, channels in shapes)


def test_small_things_and_crowds_are_common() -> None:
    stills = [draw_still(np.random.default_rng(seed), seed)[1] for seed in range(80)]
    widths = [
        float(columns[-1] + 1 - columns[0]) / thing.mask.shape[1]
        for objects in stills
        for thing in objects
        for columns in (np.flatnonzero(thing.mask.any(0)),)
        if thing.visible > 0.95
    ]
    small = np.mean([0.025 < width < 0.09 for width in widths])
    assert 0.35 < small < 0.75 and max(widths) > 0.3
    assert 0.08 < np.mean([len(objects) >= 10 for objects in stills]) < 0.4


@pytest.fixture(scope="module")
def supply() -> Supply:
    image = np.full((120, 160, 3), 90, np.uint8)
    masks = np.zeros((2, 120, 160), np.bool_)
    masks[0, 30:90, 40:110], masks[1, 40:60, 50:80] = True, True
    image[masks[0]], image[masks[1]] = (200, 40, 40), (240, 230, 60)
    return Supply(scenes=[Scene(image, masks)])


def test_of_photographs_only_clicks_and_boxes_are_asked(supply: Supply) -> None:
    photographs = replace(supply, photographs=1.0)
    batch = make_batch(np.random.default_rng(3), pictures=5, prompts=3, clicks=12, supply=photographs)
    assert batch.image_of_prompt.tolist() == [0, 0, 0], "the first picture is always a world"
    assert len(batch.texts) == len(batch.target_counts) == len(batch.exemplars[0]) == 3
    assert torch.bincount(batch.image_of_click).tolist() == [12, *[12 * PHOTO_CLICKS] * 4]
    for maps in (batch.colors, batch.names):
        assert (maps[1:] == IGNORED).all() and not (maps[0] == IGNORED).all()
    on_photographs = batch.image_of_click > 0
    assert batch.click_exists[on_photographs].all(), "nothing is said to be empty there"
    assert ((batch.point_labels[on_photographs] >= 0).any(1) | batch.has_previous[on_photographs]).all()


def test_of_things_of_one_look_only_clicks_and_boxes_are_asked(supply: Supply) -> None:
    block = np.dstack([np.full((60, 40, 3), (20, 200, 20), np.uint8), np.full((60, 40), 255, np.uint8)])
    for style in ("photo", "noto"):  # of one kind there may be none
        groups = replace(supply, photographs=0.0, groups=1.0, unnamed=[Thing.of("", style, block)])
        rng = np.random.default_rng(3)
        shown = [still(rng, groups) for _ in range(8)]
        assert not any(each.drawn for each in shown) and sum(len(each.objects) for each in shown) > 16
        batch = batch_of(rng, [*shown, still(rng, groups, world=True)], prompts=2, clicks=3)
        assert set(batch.image_of_prompt.tolist()) == {8}
        asked = torch.bincount(batch.image_of_click, minlength=9).tolist()
        assert set(asked[:8]) <= {0, 3 * PHOTO_CLICKS} and sum(asked[:8]) > 0 and asked[8] == 3


def test_where_no_words_are_asked_no_world_is_drawn_for_them(supply: Supply) -> None:
    photographs, recipe = replace(supply, photographs=1.0), replace(Recipe(), clicks=2, easy=0.0, plain=0.0)
    for prompts, drawn in ((0, False), (1, True)):
        asking = replace(recipe, prompts=prompts)
        batch = next(iter(WorldBatches((1,), 1, asking, photographs, torch.zeros(()))))
        assert len(batch.texts) == prompts
        assert bool((batch.names != IGNORED).any()) is drawn
        assert len(batch.image_of_click) == (2 if drawn else 2 * PHOTO_CLICKS)


def test_some_pictures_are_photographs_where_there_are_scenes(supply: Supply) -> None:
    rng = np.random.default_rng(1)
    batches = [make_batch(rng, pictures=6, prompts=1, clicks=1, supply=supply) for _ in range(6)]
    photographs = sum(int((batch.colors == IGNORED).flatten(1).all(1).sum()) for batch in batches)
    assert 4 <= photographs <= 22  # of 30
    assert all(len(batch.texts) == 6 - int((batch.colors == IGNORED).flatten(1).all(1).sum()) for batch in batches)


def test_photographs_that_were_not_built_are_missed_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = gather(None, tmp_path)
    assert not found.scenes and found.photos and not found.things
    assert str(tmp_path) in capsys.readouterr().out


def test_photographs_that_were_built_are_backdrops_scenes_and_cut_outs(tmp_path: Path, supply: Supply) -> None:
    scene = supply.scenes[0]
    np.savez_compressed(tmp_path / photos.FILE, **{"scikit-image/camera.png": scene.image})  # type: ignore[arg-type]
    np.savez_compressed(tmp_path / regions.FILE, **{"scikit-image/camera.png": scene.masks})  # type: ignore[arg-type]
    found = gather(None, tmp_path)
    assert len(found.photos) == len(found.scenes) == 1
    assert len([thing for thing in found.unnamed if thing.name == ""]) == len(found.unnamed) == 402
