"""Nano in training: every head learns, and queries start in places of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tracker.training import network
from tracker.training.data import make_batch
from tracker.training.recipe import MODEL, Recipe
from tracker.training.train import Run, precision


def test_every_head_gets_a_gradient() -> None:
    """What gets none is the memory follower's, and heads that only training with memory uses."""
    batch = make_batch(np.random.default_rng(3), pictures=2, prompts=3, clicks=3)
    run = Run(Recipe(), Path("/nonexistent"), torch.device("cpu"))
    with precision(run.device):
        torch.stack(list(run.losses(run.look_at(batch, 100.0), names_only=False).values())).sum().backward()
    taught = {
        name.split(".")[0]
        for name, value in run.model.named_parameters()
        if value.grad is not None and value.grad.any()
    }
    assert taught >= {"backbone", "geometry_encoder", "transformer", "segmentation_head", "dot_prod_scoring"}
    assert any("sam_mask_decoder" in name and value.grad is not None for name, value in run.model.named_parameters())


def test_queries_start_in_places_of_their_own() -> None:
    boxes = network.fresh().transformer.decoder.reference_points.weight.sigmoid()
    side = round(MODEL.queries**0.5)
    assert len({(round(x, 3), round(y, 3)) for x, y, *_ in boxes.tolist()}) == side**2
    assert torch.allclose(boxes[:, 2:], torch.full_like(boxes[:, 2:], 0.2))


def test_the_decoder_starts_by_looking_inside_its_boxes() -> None:
    """In the head that looks least far, a place in a box's middle is far above one that lies well outside."""
    embed = network.fresh().transformer.decoder.boxRPB_embed_x
    sides = torch.tensor([[0.3, -0.3], [0.8, 0.2]]) * 8  # from the left and right one: in the middle, beyond the right
    middle, outside = embed(sides.sign() * (sides.abs() + 1).log2() / 3)[:, 0]
    assert middle - outside > 1.5
