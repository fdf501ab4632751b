"""On one of Apple's GPUs, as far as that can be tried elsewhere: nothing there is in a number format that it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import gpu_parts as parts
from tests.support.pretended_cuda import line
from tests.support.pretended_tensor import Pretended, leaves
from tests.support.pretended_torch import pretended_cuda
from tests.support.vit import VIT
from tracker import Point, Prompt, Sam3, Tracker
from tracker.model.backbone import concepts
from tracker.model.compute import Speed

LACKING = torch.float64, torch.complex128, torch.bfloat16  # the last is missing on the older ones
SMALL = replace(
    VIT, vit_depth=2, vit_global_blocks=(1,), encoder_layers=1, decoder_layers=1, geometry_layers=1, memory_layers=1
)


class Formats(TorchDispatchMode):
    """Notes the number formats of what is made on the pretended device, and where those are made that it lacks."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: set[torch.dtype] = set()
        self.lacking: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for each in leaves([out], {}):
            if isinstance(each, Pretended):
                self.made.add(each.dtype)
                if each.dtype in LACKING:
                    self.lacking.append(f"{each.dtype} of {func} at {line()}")
        return out


@pytest.fixture
def formats() -> Iterator[Formats]:
    with pretended_cuda(), Formats() as formats:
        yield formats


def folded() -> Sam3:
    """A small network on the device, set up as on Apple's: in fp32, its necks folded there."""
    model = Sam3(SMALL, torch.device("cuda:0"))
    model.speed, model.bf16_backbone = Speed.of(torch.device("mps")), False
    seeing, detecting = model.encoder(), concepts(model.network)
    for neck in (seeing.neck, detecting):
        neck.fold()
    model.backbone, model.concepts = seeing, lambda trunk: detecting(trunk, SMALL.grid)
    return model


def test_a_format_that_the_device_lacks_is_noticed(formats: Formats) -> None:
    torch.ones(2, dtype=torch.float64)
    assert formats.lacking == []
    torch.ones(2, device="cuda", dtype=torch.float64)
    torch.ones(2, device="cuda").bfloat16()
    assert len(formats.lacking) == 2


def test_nothing_of_a_stream_is_in_a_format_that_the_device_lacks(formats: Formats) -> None:
    model = folded()
    tracker = Tracker(
        parts.Forced(model, 3),  # type: ignore[arg-type]
        [Prompt("thing")],
        interval=2,
        follower="memory",
    )
    image = parts.picture(96, 128)
    for index in range(3):
        assert tracker.step(image, index, index / 30).tracks
    tracker.click(2, [Point(60, 40)])
    model.detect(model.embed(image), [Prompt("star", threshold=0.0)])
    assert formats.lacking == []
    assert torch.float32 in formats.made
