"""From logits to masks: equal to upstream where upstream has the same step, and to the plain long way elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tracker.model import compat, postprocess
from tracker.model.postprocess import fill_holes, pairwise_iou, separate, speck_area, suppress, to_masks, within
from tracker.types import Part

compat.prepare()


def noise(seed: int, count: int = 3, side: int = 56, smooth: int = 5) -> Tensor:
    """Logits with blobs, holes and specks of all sizes."""
    values = torch.randn(count, 1, side, side, generator=torch.Generator().manual_seed(seed))
    return F.avg_pool2d(values, smooth, stride=1, padding=smooth // 2)[:, 0] * 5


@pytest.mark.parametrize("side", [56, 57])
@pytest.mark.parametrize("area", [1, 4, 16])
@pytest.mark.parametrize("seed", range(3))
def test_holes_and_specks_go_as_upstreams_do(seed: int, area: int, side: int) -> None:
    from sam3.model.sam3_tracker_utils import fill_holes_in_mask_scores

    logits = noise(seed, side=side, smooth=3)
    expected = fill_holes_in_mask_scores(logits[:, None], area)[:, 0]
    assert torch.equal(fill_holes(logits, area), expected)


def test_filling_leaves_its_input_alone_and_takes_none() -> None:
    logits = noise(1)
    before = logits.clone()
    fill_holes(logits, 16)
    assert torch.equal(logits, before)
    assert fill_holes(logits[:0], 16).shape == (0, 56, 56)


def test_the_repaired_area_is_upstreams_share_of_the_picture() -> None:
    assert speck_area(288) == 16
    assert speck_area(56) == 1
    assert speck_area(288, postprocess.CLICK_HOLE) == 256


def test_iou_is_that_of_sets() -> None:
    from sam3.perflib.masks_ops import mask_iou

    a, b = noise(1, 4) > 0, noise(2, 5) > 0
    a[0] = False
    assert torch.allclose(pairwise_iou(a, b), mask_iou(a, b))
    assert pairwise_iou(a[:1], a[:1]).item() == 0


@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.3, 0.5]))
def test_suppression_is_upstreams(seed: int, limit: float) -> None:
    from sam3.perflib.nms import nms_masks

    logits = noise(seed, 8, smooth=9).repeat(2, 1, 1)
    scores = torch.rand(16, generator=torch.Generator().manual_seed(seed))
    kept = suppress(logits > 0, scores, limit)
    expected = nms_masks(scores, logits, prob_threshold=-1.0, iou_threshold=limit)
    assert sorted(kept.tolist()) == expected.nonzero().squeeze(1).tolist()
    assert scores[kept].tolist() == sorted(scores[kept].tolist(), reverse=True)


def test_separated_masks_share_no_pixel_and_lose_none() -> None:
    logits = noise(3, 4, smooth=11)
    apart = separate(logits)
    assert ((apart > 0).sum(0) <= 1).all()
    assert torch.equal((apart > 0).any(0), (logits > 0).any(0))
    assert separate(logits[:1]) is not None


def test_separated_masks_share_no_pixel_at_picture_size() -> None:
    logits = noise(4, 5, smooth=11)
    scaled = np.stack([mask.dense() for mask, _ in to_masks(separate(logits), 333, 480)])
    assert scaled.sum(0).max() == 1
    assert np.stack([mask.dense() for mask, _ in to_masks(logits, 333, 480)]).sum(0).max() > 1


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (1080, 1920), (50, 40), (56, 56), (7, 300)])
@pytest.mark.parametrize("seed", range(3))
def test_masks_are_those_of_scaling_all_logits_and_thresholding(size: tuple[int, int], seed: int) -> None:
    logits = noise(seed, 4, smooth=15)
    logits[1, :30] = -5  # reaches no top edge
    logits[2] = -5
    logits[2, 20:24, 50:56] = 3
    logits[3] = -1
    plain = F.interpolate(logits[:, None], size, mode="bilinear", align_corners=False)[:, 0] > 0
    for (mask, box), expected in zip(to_masks(logits, *size), plain.numpy(), strict=True):
        # The two add products in another order: a pixel whose logit is 0 but for rounding may differ.
        assert (mask.dense() != expected).mean() <= 1e-5
        rows, columns = np.nonzero(mask.dense())
        if len(rows):
            tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert (box.x0, box.y0, box.x1, box.y1) == tight


def test_an_empty_mask_is_an_empty_mask() -> None:
    ((mask, box),) = to_masks(torch.full((1, 56, 56), -1.0), 48, 64)
    assert mask.area == 0
    assert (box.x1 - box.x0, box.y1 - box.y0) == (0, 0)


def test_so_many_bytes_of_masks_and_no_more_wait_to_be_packed() -> None:
    logits = noise(0, 6, smooth=15).clamp(min=0.1)  # all of the picture
    for most, waiting in ((0, 0), (2 * 48 * 64, 2), (10**6, 6)):
        masks = [mask for mask, _ in to_masks(logits, 48, 64, unpacked=most)]
        assert [isinstance(mask.held, Part) for mask in masks] == [place < waiting for place in range(6)]
        assert [mask.area for mask in masks] == [48 * 64] * 6


def test_no_masks_make_no_masks() -> None:
    assert to_masks(torch.empty(0, 56, 56), 48, 64) == []


def test_a_mask_is_kept_to_its_box_and_what_it_reaches_beyond() -> None:
    logits = torch.rand(40, 40, generator=torch.Generator().manual_seed(1)) + 0.5
    logits[0, 0] = -7.0
    kept = within(logits, torch.tensor([0.5, 0.5, 0.5, 0.25]), 0.1)
    # 20 by 10 samples, 0.1 of that and one sample more to each side: 10 ∓ 3 to 30 + 3, 15 - 2 to 25 + 2.
    inside = torch.zeros(40, 40, dtype=torch.bool)
    inside[13:27, 7:33] = True
    assert torch.equal(kept[inside], logits[inside])
    assert (kept[~inside] < 0).all()
    assert kept[0, 0] == -7.0  # what was surely outside stays so


def test_every_mask_is_kept_to_its_own_box() -> None:
    logits = noise(5, 6, smooth=9).reshape(2, 3, 56, 56)
    before = logits.clone()
    boxes = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(2)) * 0.5 + 0.2
    together = within(logits, boxes, 0.25)
    assert together.shape == logits.shape and torch.equal(logits, before)
    assert not torch.equal(together, logits)
    for first in range(2):
        for second in range(3):
            alone = within(logits[first, second], boxes[first, second], 0.25)
            assert torch.equal(together[first, second], alone)


def test_a_box_around_everything_takes_nothing_away() -> None:
    logits = noise(6)
    assert torch.equal(within(logits, torch.tensor([[0.5, 0.5, 1.0, 1.0]] * 3), 0.0), logits)
