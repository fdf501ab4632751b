"""Run lengths found by torch's operations, as on a GPU: pycocotools' own, and those of the path of the CPU."""

from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
import numpy.typing as npt
import pycocotools.mask as coco
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from torch import Tensor

from tracker import rle
from tracker.model import postprocess, run_lengths
from tracker.model.postprocess import fill_holes, fill_holes_there, small_components

stacks = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=3, max_dims=3, max_side=24))


def noise(seed: int, count: int = 3, side: int = 56, smooth: int = 5) -> Tensor:
    values = torch.randn(count, 1, side, side, generator=torch.Generator().manual_seed(seed))
    return F.avg_pool2d(values, smooth, stride=1, padding=smooth // 2)[:, 0] * 5


@given(stacks)
def test_counts_are_those_of_pycocotools(masks: npt.NDArray[np.bool_]) -> None:
    expected = [coco.encode(np.asfortranarray(mask, np.uint8))["counts"] for mask in masks]
    assert run_lengths.encode(torch.from_numpy(masks)) == expected


@pytest.mark.parametrize("value", [True, False])
def test_full_and_empty_masks_have_their_counts(value: bool) -> None:
    masks = np.full((3, 480, 641), value)
    assert run_lengths.encode(torch.from_numpy(masks)) == [rle.encode(mask) for mask in masks]


def test_masks_that_touch_every_edge_do_not_run_into_each_other() -> None:
    masks = np.zeros((4, 30, 40), np.bool_)
    masks[0, :, -1] = masks[1, 0, 0] = masks[1, -1, -1] = masks[3] = True
    assert run_lengths.encode(torch.from_numpy(masks)) == [rle.encode(mask) for mask in masks]


@pytest.mark.parametrize("count", [1, 16, 19])
@pytest.mark.parametrize("room", [1, 16])  # masks that are dense at a time; one however large it is
def test_scaled_masks_are_those_of_scaling_and_encoding_each(
    monkeypatch: pytest.MonkeyPatch, count: int, room: int
) -> None:
    monkeypatch.setattr(run_lengths, "BYTES", room * 90 * 161 * 4 - (room == 1))
    logits = noise(count, count)
    plain = F.interpolate(logits[:, None], (90, 161), mode="bilinear", align_corners=False)[:, 0] > 0
    assert run_lengths.scaled(logits, 90, 161) == [rle.encode(mask) for mask in plain.numpy()]
    assert run_lengths.scaled(logits[:0], 90, 161) == []


def test_the_way_of_the_device_and_that_of_the_cpu_make_the_same_masks() -> None:
    logits = noise(7, 6, smooth=15)
    there = [rle.decode(counts, 333, 480) for counts in run_lengths.scaled(logits, 333, 480)]
    for (mask, _), other in zip(postprocess.to_masks(logits, 333, 480), there, strict=True):
        assert (mask.dense() != other).mean() <= 1e-5  # products are added in another order


@pytest.mark.parametrize("area", [1, 4, 16])
@pytest.mark.parametrize("smooth", [3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_holes_and_specks_go_without_leaving_the_device_as_they_do_on_the_cpu(
    area: int, seed: int, smooth: int
) -> None:
    logits = noise(seed, 2, side=40, smooth=smooth)
    logits[1] = -logits[1] - 1
    assert torch.equal(fill_holes_there(logits, area), fill_holes(logits, area))
    assert fill_holes_there(logits[:0], area).shape == (0, 40, 40)


def test_a_long_thin_component_is_not_taken_for_its_small_ends() -> None:
    binary = torch.zeros(1, 40, 40, dtype=torch.bool)
    binary[0, ::4] = True  # lines far longer than the numbers travel
    binary[0, 3::8, 39] = True
    binary[0, 20, 5:8] = False
    found = small_components(binary, 5)
    assert torch.equal(found[0], torch.where(torch.arange(40)[:, None] == 20, torch.arange(40) < 5, False))


def test_counts_of_pixels_are_exact_under_autocast() -> None:
    masks = noise(3, 4, side=112) > 0
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(postprocess.pairwise_iou(masks, masks), postprocess.pairwise_iou(masks.clone(), masks))
        inside = postprocess.pairwise_iou(masks, masks)
    assert torch.equal(inside, postprocess.pairwise_iou(masks, masks))
