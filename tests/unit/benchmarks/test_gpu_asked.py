"""What is counted on a device is what the tests count without one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.gpu_asked import Asked, asked
from tests.support.pretended_torch import pretended_cuda
from tracker import Box, Prompt, Sam3, SegmentPrompt


def test_operations_and_waits_are_counted_and_views_are_not() -> None:
    ones, cpu = torch.ones(4), torch.device("cpu")
    assert asked(lambda: (ones + 1).view(2, 2).T.sum(), cpu) == "2 operations, 0 waits"
    assert asked(lambda: (ones.sum().item(), ones.nonzero()), cpu) == "1 operations, 2 waits"
    assert asked(lambda: (ones.sum().item(), ones.nonzero()), torch.device("meta")) == "0 operations, 0 waits"


def test_a_call_of_the_model_counts_as_it_does_on_the_pretended_device() -> None:
    with pretended_cuda() as device:
        model = Sam3.untrained("nano", device="cuda")
        embedding = model.embed(np.zeros((64, 64, 3), np.uint8))
        model.detect(embedding, [Prompt("thing")])
        model.segment(embedding, [SegmentPrompt(box=Box(1, 1, 9, 9))])
        for call in (
            lambda: model.segment(embedding, [SegmentPrompt(box=Box(1, 1, 9, 9))]),
            lambda: model.detect(embedding, [Prompt("thing")]),
        ):
            with device.counting() as counts:
                call()
            with Asked(model.device) as found:
                call()
            assert found.launches == pytest.approx(counts.launches, rel=0.1)  # attention is several here
            assert found.waits == sum(counts.copies.values())
