"""Objects brought onto the next frame as the picture's motion moves them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from tracker.stream.geometry import LIMIT, Share, each_bounds
from tracker.stream.objects import Followed
from tracker.stream.optical_flow import Flow
from tracker.types import Stage


def carry_along(flow: Flow, seen: Sequence[Followed]) -> None:
    """Show the masks where the picture moved to; what left it is lost."""
    for each, logits, box in _warped(flow, seen):
        each.stage = Stage.FLOW
        if any(box):
            each.logits = logits
        else:
            each.lose()


def predict(flow: Flow, seen: Sequence[Followed], seconds: float) -> None:
    """Where the picture moved says better where things are now than how they moved before."""
    for each, logits, box in _warped(flow, seen if flow.known else ()):
        if any(box):
            each.predict(logits, box, seconds)
        else:
            each.lose()


def _warped(flow: Flow, seen: Sequence[Followed]) -> Iterator[tuple[Followed, Tensor, Share]]:
    """Objects with their masks and boxes as the picture's motion moved them."""
    if not seen:
        return
    moved = flow.warp(torch.stack([each.logits for each in seen]), -LIMIT)
    here = [each.known for each in seen if each.known is not None]
    # What the host knows of all of them it moves itself: the device still embeds the frame, and is not waited for.
    by_host = moved.device.type != "cpu" and len(here) == len(seen)
    boxes = each_bounds(flow.warp(torch.stack(here), -LIMIT) if by_host else moved)
    yield from zip(seen, moved, boxes, strict=True)
