"""Objects brought onto the next frame."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.objects import SIDE, made, square
from tests.support.pretended_torch import pretended_cuda
from tracker.stream import showing
from tracker.stream.carrying import carry_along, predict
from tracker.stream.geometry import bounds
from tracker.stream.optical_flow import Flow
from tracker.types import Stage

GROUND = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8).repeat(10, 0).repeat(10, 1)  # 240×320


def moved(pixels: int) -> Flow:
    """The picture went so many of its 320 pixels to the right."""
    flow = Flow()
    flow.look(GROUND)
    flow.look(np.roll(GROUND, pixels, 1))
    return flow


def test_masks_and_boxes_go_where_the_picture_goes_and_what_leaves_it_is_lost() -> None:
    stays, leaves = made(square(20, 20, 16)), made(square(62, 20, 2), 2)
    carry_along(moved(15), [stays, leaves])
    assert stays.stage is Stage.FLOW
    assert bounds(stays.logits) == pytest.approx((23 / SIDE, 20 / SIDE, 39 / SIDE, 36 / SIDE), abs=1.1 / SIDE)
    assert (stays.visible, leaves.visible) == (True, False)
    carry_along(moved(15), [])


def test_nothing_is_predicted_where_the_motion_is_not_known() -> None:
    each = made(square(10, 20, 16))
    predict(Flow(), [each], 0.1)
    assert bounds(each.logits) == bounds(square(10, 20, 16))


def test_boxes_of_masks_on_a_device_are_found_on_the_host_without_waiting_for_it() -> None:
    flow, here = moved(15), made(square(10, 20, 16))
    predict(flow, [here], 0.1)
    with pretended_cuda() as device:
        there = [made(square(10, 20, 16), number) for number in (1, 2)]
        for each in there:
            each.logits = device.put(each.logits)
        showing.fetch(there)
        with device.counting() as counts:
            predict(flow, there, 0.1)
        assert not counts.copies
        assert [each.box for each in there] == [here.box] * 2
        with device.counting() as counts:
            predict(flow, there, 0.2)  # masks that the host does not know
        assert sum(counts.copies.values()) == 1
