"""On a pretended CUDA device: nothing mixes devices, and no step waits for it or asks of it more than it did before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import gpu_parts as parts
from tests.support import device_bounds
from tests.support.pretended_cuda import Device, MixedDevices
from tests.support.pretended_torch import pretended_cuda
from tests.support.vit import VIT
from tracker import Box, Point, Prompt, Sam3, SegmentPrompt, Tracker, acceleration, load_model, warm_up
from tracker.model.configs import config_named

OBJECTS = 1, 4, 16, 64
FRAMES, INTERVAL = 5, 3  # a keyframe, two that are refined, a keyframe, and one with all that a stream can have
SIDES = 1008, 840, 672, 504
CUDA = torch.device("cuda:0")
SMALL = replace(
    VIT, vit_depth=2, vit_global_blocks=(1,), encoder_layers=1, decoder_layers=1, geometry_layers=1, memory_layers=1
)


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with pretended_cuda() as device:
        yield device


@pytest.fixture(scope="module")
def small(device: Device) -> Sam3:
    """The smallest network that has every part."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Sam3(SMALL, CUDA)


def test_the_pretended_device_refuses_what_a_real_one_does_and_counts_what_that_waits_for(device: Device) -> None:
    there, here = torch.ones(3, device="cuda"), torch.ones(3)
    with pytest.raises(MixedDevices, match="add of cpu and cuda:0"):
        there + here
    with pytest.raises(MixedDevices, match="cuda:0 and cuda:1"):
        there * here.to("cuda:1")
    with pytest.raises(TypeError, match="convert cuda:0"):
        np.asarray(there)
    assert (there + 1).tolist() == [2, 2, 2]
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for event in (before, after):
        event.record(torch.cuda.current_stream())
    assert before.elapsed_time(after) >= 0
    with torch.autocast("cuda", torch.bfloat16):
        assert (there[None] @ there[:, None]).dtype is torch.bfloat16


@pytest.mark.parametrize(
    ("follower", "objects", "scene"), [*(("auto", count, 0) for count in OBJECTS), ("memory", 4, 0), ("auto", 4, None)]
)
def test_a_step_waits_for_the_device_no_more_often_than_it_did(
    device: Device, small: Sam3, follower: str, objects: int, scene: int | None
) -> None:
    """Presented, two waits a refined step and five a keyframe, however many objects there are."""
    tracker = Tracker(
        parts.Forced(small, objects),  # type: ignore[arg-type]
        [Prompt("thing")],
        adaptive=False,
        follower=follower,  # type: ignore[arg-type]
        interval=INTERVAL,
    )
    image = parts.picture(96, 128)
    for index in range(FRAMES):
        with device.counting() as counts:
            step = tracker.step(image, index, index / 30, scene=scene)
            assert scene is None or tracker.snapshot is not None
        assert len(step.tracks) == objects
        if index >= 2:
            name = follower, str(step.stage), objects
            bounds = device_bounds.FINE if scene is None else device_bounds.STEPS
            bounds[name].check(counts, " ".join(map(str, name)))


def test_nothing_of_the_embedded_model_mixes_devices(device: Device) -> None:
    """Words, exemplars, clicks, boxes, memory, orders on frames of before, and the gate."""
    model = load_model("nano", device="cuda")
    assert list(warm_up(model)) == ["embed", "detect", "segment", "propagate"]
    tracker = Tracker(parts.Forced(model, 2), [Prompt("thing")], interval=3)  # type: ignore[arg-type]
    image = parts.picture(96, 128)
    for index in range(3):
        tracker.step(image, index, index / 30)
    made = tracker.click(1, [Point(20, 20)])
    tracker.click(2, [Point(100, 80, positive=False)], made.object_id)
    tracker.box(0, Box(5, 5, 40, 40))
    tracker.set_prompts([Prompt("thing", boxes=(Box(5, 5, 40, 40),))], index=1)
    tracker.step(image, 3, 3 / 30)
    assert tracker.snapshot is not None
    assert tracker.present is not None and tracker.present[1].trunk is not None
    assert tracker.present[1].trunk.dtype is torch.bfloat16  # half the memory for as long as it is kept


def test_a_model_guided_by_the_picture_waits_no_more_often_and_finds_it_on_the_device(device: Device) -> None:
    model = load_model("nano", device="cuda")
    tracker = Tracker(parts.Forced(model, 2), [Prompt("thing")], adaptive=False, interval=INTERVAL)  # type: ignore[arg-type]
    image = parts.picture(96, 128)
    for index in range(FRAMES):
        with device.counting() as uploaded:
            sent = model.send(image)
        with device.counting() as counts:
            step = tracker.step(image, index, index / 30, scene=0, sent=sent)
        if index >= 2:
            device_bounds.GUIDED[step.stage].check(counts, f"guided {step.stage}")
            assert (uploaded.pinned, sum(uploaded.uploads.values()), sum(uploaded.copies.values())) == (2, 0, 0)


@pytest.mark.parametrize("name", ["cpu", "cuda:1"])
def test_a_model_runs_on_another_device_than_the_first_gpu(device: Device, name: str) -> None:
    """Upstream makes its rotary tables on cuda:0 wherever there is one, and does not move them."""
    model = Sam3(SMALL, torch.device(name))
    model.bf16_backbone = False
    assert list(warm_up(model)) == ["embed", "detect", "segment", "propagate"]
    model.move(CUDA)
    assert list(warm_up(model)) == ["embed", "detect", "segment", "propagate"]


def test_the_gate_runs_on_the_device(device: Device, small: Sam3) -> None:
    steps = {"bf16": acceleration.bf16, "bf16 weights": acceleration.halved, "buckets": acceleration.buckets}
    undo = acceleration.plain(small)
    try:
        (timed,) = acceleration.settle(small, {"buckets": acceleration.buckets}, judge_masks=False)
        verdicts = acceleration.settle(small, steps, judge_masks=False, clock=lambda model, work: 1.0)
    finally:
        undo()
    assert [verdict.error for verdict in verdicts] == [""] * len(steps)
    assert timed.before > 0 and timed.seconds > 0
    assert all(acceleration.Question().seconds(small, work) > 0 for work in acceleration.WORK.values())


def full_size(device: Device) -> Sam3:
    """The full-size network without its weights."""
    register = nn.Module.register_parameter

    def without_values(self: nn.Module, name: str, weight: nn.Parameter | None) -> None:
        there = None if weight is None else nn.Parameter(weight.detach().to("meta"), requires_grad=False)
        register(self, name, there)

    with mock.patch.object(nn.Module, "register_parameter", without_values):
        return Sam3(config_named("sam3"), CUDA)


@pytest.mark.timeout(400)  # tens of thousands of calls, each counted in Python
@pytest.mark.no_cover
def test_the_full_size_network_asks_no_more_of_the_device_than_it_did() -> None:
    with pretended_cuda(shapes=True) as device:
        model = full_size(device)
        acceleration.halved(model)  # asks it everything once, so that what is kept from call to call is made
        everything(model, np.zeros((1080, 1920, 3), np.uint8), (1, 4), partial(bounded, device))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_mixed_at_the_other_resolutions_of_the_full_size_network() -> None:
    with pretended_cuda(shapes=True) as device:
        model = full_size(device)
        for side in SIDES[1:]:
            model.resize(side)
            everything(model, np.zeros((1080, 1920, 3), np.uint8), (1,), lambda name, call: call())


def bounded(device: Device, name: str, call: Callable[[], Any]) -> Any:
    with device.counting() as counts:
        answer = call()
    device_bounds.FULL[name].check(counts, name)
    return answer


def everything(
    model: Sam3, image: parts.Picture, prompts: Sequence[int], ask: Callable[[str, Callable[[], Any]], Any]
) -> None:
    """Every kind of call. ``ask`` makes each, and is told its name."""
    embedding = ask("embed", lambda: model.embed(image))
    ask("levels", lambda: model.levels(embedding))
    for count in prompts:
        ask(f"detect, {count} prompts", lambda count=count: model.detect(embedding, [Prompt("thing")] * count))  # type: ignore[misc]
    box = Box(10, 10, 500, 500)
    model.detect(embedding, [Prompt("thing", boxes=(box,))])
    known = [SegmentPrompt(box=box, logits=torch.zeros(model.side, model.side, device=CUDA))] * 5
    ask("refine", lambda: model.segment(embedding, known))
    clicked = [SegmentPrompt(points=(Point(50, 50),))]
    ask("click", lambda: model.segment(embedding, clicked, multimask=True))
    banks = parts.full_banks(model, embedding, 4, 40)
    ask("memory", lambda: parts.remembered(model, embedding, banks, 40))
