"""Ours and ``transformers``' SAM3 at their true size: 860 million random parameters. Minutes on a CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from tests.support import agreement, needs, theirs
from tests.support.agreement import Both
from tracker import Sam3
from tracker.model.configs import FULL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("side", [336, 1008])
def test_every_stage_is_the_same_at_full_size(side: int) -> None:
    """
    Every weight at its true size and depth; pictures of 1008 pixels as the model takes them, and small ones, which a
    ninth of the time is enough for. One picture is looked at again and again; both hold the same tensors: 4 GB.
    """
    needs.transformers()
    from transformers import initialization

    config, say = replace(FULL, image_size=side), clock()
    with initialization.no_init_weights():  # all of them are drawn below
        ours = Sam3(config, torch.device("cpu"))
        ours.bf16_backbone = False
        theirs.randomise(ours.network)
        ours.interactive.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(5.0)
        say("ours is built")
        checkpoint = theirs.checkpoint(ours)
        both, clicker = Both(ours, theirs.build(config, checkpoint), still=True), theirs.clicker(config, checkpoint)
        say("theirs is built")
    found = []
    for pair in agreement.pairs(both, clicker):
        iou = f", masks' IoU {pair.iou:.6f}" if pair.what.endswith("masks") else ""
        say(f"{pair.stage}, {pair.what}: cosine {pair.cosine:.8f}, relative error {pair.relative:.1e}{iou}")
        found.append(pair)
    assert {pair.stage for pair in found} == set(agreement.STAGES)
    assert [pair.what for pair in found if not pair.agrees] == []
    assert min(pair.iou for pair in found if pair.what.endswith("masks")) > 0.999


def clock() -> Callable[[str], None]:
    """Print with the seconds since now; ``pytest -s`` shows it."""
    start = time.monotonic()
    return lambda words: print(f"{time.monotonic() - start:6.1f} s  {words}", flush=True)
