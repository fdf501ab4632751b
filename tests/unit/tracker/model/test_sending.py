"""Pictures on their way to a device."""

from __future__ import annotations

import numpy as np
import torch

from tests.support.pretended_torch import pretended_cuda
from tracker.model import guides
from tracker.model.sending import send

IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def test_nothing_is_sent_to_the_host() -> None:
    assert send(IMAGE, torch.device("cpu"), 16) is None


def test_a_picture_goes_by_pinned_memory_with_what_guides_clicks() -> None:
    with pretended_cuda() as device, device.counting() as counts:
        plain, guided = (send(IMAGE, torch.device("cuda:1"), side) for side in (None, 16))
        assert plain is not None and guided is not None
        assert (plain.small, plain.colors, plain.side, guided.side) == (None, None, None, 16)
        assert guided.fine is not None and guided.fine.shape == (32, 32, 3)
        assert guided.colors is not None and str(guided.colors.device) == str(guided.pixels.device) == "cuda:1"
        assert (counts.pinned, sum(counts.uploads.values())) == (3, 0)
        assert np.array_equal(guided.pixels.cpu().numpy(), IMAGE)
        assert torch.equal(guided.colors.cpu(), guides.colors(guides.shrunk(IMAGE, 16)))


def test_a_picture_that_is_a_part_of_another_is_sent_as_it_looks() -> None:
    with pretended_cuda():
        sent = send(IMAGE[:, ::-2], torch.device("cuda:0"), None)
        assert sent is not None and np.array_equal(sent.pixels.cpu().numpy(), IMAGE[:, ::-2])
