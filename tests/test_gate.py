"""What makes a model faster stays on only with fp32's answers, and compiled parts never compile mid-stream."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from tests.models import nano
from tracker import Box, Embedding, Prompt, Sam3, SegmentPrompt, Tracker, gate
from tracker.gate import Answers, Undo, accelerate, compare, settle
from tracker.nano.worlds import Video
from tracker.speed import BUCKETS, Speed


@pytest.fixture
def model() -> Iterator[Sam3]:
    """The trained one, as it was afterwards."""
    trained = nano()
    undo = gate.plain(trained)
    yield trained
    undo()
    trained.forget()


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return nano().embed(np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8))


def test_what_gives_the_same_answers_stays_on_and_what_does_not_goes_off(
    model: Sam3, caplog: pytest.LogCaptureFixture
) -> None:
    def careless(model: Sam3) -> Undo:
        before = model.backbone
        model.backbone = lambda pixels: tuple(level.roll(1, -1) for level in before(pixels))

        def undo() -> None:
            model.backbone = before

        return undo

    def missing(model: Sam3) -> Undo:
        raise RuntimeError("no kernel image is available\nand more")

    told: list[str] = []
    with caplog.at_level(logging.WARNING):
        right, wrong, gone, last = settle(
            model,
            {"nothing": gate.buckets, "careless": careless, "missing": missing, "bf16": gate.bf16},
            say=told.append,
        )
    assert right.passes and right.cosine > 0.999999 and right.iou > 0.9999
    assert not wrong.passes and wrong.cosine < gate.COSINE
    assert gone.error == "RuntimeError: no kernel image is available"
    assert last.cosine > gate.COSINE
    assert model.speed.buckets
    assert [record.message.split(":")[0] for record in caplog.records[:2]] == ["careless is off", "missing is off"]
    assert "nothing is on: cosine 1.0000, mask IoU 1.0000" in told


def test_bf16_passes_on_trained_weights(model: Sam3) -> None:
    """The gate's own bar; autocast on a CPU stands in for CUDA's."""
    bf16, halved = settle(model, {"bf16": gate.bf16, "bf16 weights": gate.halved})
    print(bf16, halved, sep="\n")
    try:
        assert bf16.passes and halved.passes
        assert model.network.backbone.vision_backbone.trunk.blocks[0].attn.qkv.weight.dtype is torch.bfloat16
    finally:
        for parameter in model.network.backbone.vision_backbone.parameters():
            parameter.data = parameter.data.float()


def test_weights_in_bf16_are_the_casts_that_autocast_makes() -> None:
    untrained = Sam3.untrained()
    untrained.bf16_backbone, untrained.speed.bf16 = False, True
    image = np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)
    before = untrained.embed(image)
    undo = gate.halved(untrained)
    after = untrained.embed(image)
    undo()
    assert all(torch.equal(a, b) for a, b in zip(before.interactive, after.interactive, strict=True))
    assert untrained.network.backbone.vision_backbone.trunk.blocks[0].attn.qkv.weight.dtype is torch.float32


def test_numbers_of_another_kind_have_no_likeness() -> None:
    right = Answers((torch.ones(1, 4, 4),), torch.zeros(1, 4, 4, dtype=torch.bool))
    broken = Answers((torch.full((1, 4, 4), float("nan")),), right.masks)
    assert compare("broken", broken, right, judged=True).cosine == 0
    assert not compare("broken", broken, right, judged=False).passes


def test_masks_count_only_where_weights_mean_something() -> None:
    features = (torch.ones(1, 4),)
    one, other = torch.zeros(1, 4, 4, dtype=torch.bool), torch.ones(1, 4, 4, dtype=torch.bool)
    assert not compare("masks", Answers(features, one), Answers(features, other), judged=True).passes
    assert compare("masks", Answers(features, one), Answers(features, other), judged=False).passes


@pytest.mark.parametrize("count", [1, 3, 5, 9])
def test_objects_added_to_fill_a_bucket_change_nobodys_answer(model: Sam3, embedding: Embedding, count: int) -> None:
    logits = torch.randn(model.side, model.side, generator=torch.Generator().manual_seed(count)) * 5
    asked = [
        SegmentPrompt(box=Box(place, 10, place + 30, 60), logits=logits if place % 2 else None)
        for place in range(count)
    ]
    alone = model.segment(embedding, asked)
    gate.buckets(model)
    padded = model.segment(embedding, asked)
    assert padded.logits.shape == alone.logits.shape
    assert torch.allclose(padded.logits, alone.logits, atol=1e-5)
    assert torch.allclose(padded.ious, alone.ious, atol=1e-5)
    assert torch.allclose(padded.present, alone.present, atol=1e-5)


def test_buckets_hold_every_number_of_objects() -> None:
    speed = Speed(buckets=True)
    sizes = {count: len(speed.padded(range(count))) for count in range(1, 70)}
    assert set(sizes.values()) == {*BUCKETS, *range(65, 70)}
    assert all(size >= count for count, size in sizes.items())
    assert speed.padded([]) == []
    assert Speed().padded([1, 2, 3]) == [1, 2, 3]


def test_a_stream_of_changing_objects_compiles_nothing_after_the_warm_up(model: Sam3) -> None:
    torch._dynamo.reset()
    video = Video(3, 320, 240, objects=(3, 6))
    frames = [video.next().image for _ in range(9)]
    expected = follow(model, frames)
    gate.compiled_backbone(model, backend="eager")
    gate.compiled_decoder(model, backend="eager", sizes=BUCKETS[:4])
    graphs = counters["stats"]["unique_graphs"]
    assert graphs >= 4
    calls: list[int] = []
    compiled = model.decoder.compiled  # type: ignore[attr-defined]

    def counted(**kwargs: object) -> object:
        calls.append(len(kwargs["sparse_prompt_embeddings"]))  # type: ignore[arg-type]
        return compiled(**kwargs)

    model.decoder.compiled = counted  # type: ignore[attr-defined]
    with torch._dynamo.config.patch(error_on_recompile=True):
        assert follow(model, frames) == expected
        model.segment(
            model.embed(frames[0]), [SegmentPrompt(box=Box(1, 1, 50, 50))], multimask=True
        )  # a click's: as is
    assert counters["stats"]["unique_graphs"] == graphs
    assert len(set(calls)) > 1  # the stream's numbers of objects differed


def follow(model: Sam3, frames: list[np.ndarray]) -> list[int]:
    """How many objects there are on each frame, some of them taken away on the way."""
    tracker = Tracker(model, [Prompt("thing")], interval=3)
    counts = []
    for index, frame in enumerate(frames):
        step = tracker.step(frame, index, index / 30)
        counts.append(len(step.tracks))
        if index in (3, 5) and step.tracks:
            tracker.remove(step.tracks[0].id)
    return counts


def test_on_a_cpu_nothing_is_switched_on(model: Sam3) -> None:
    assert accelerate(model) == []
    assert model.speed == Speed()
    assert Speed.of(torch.device("cuda")).bf16


def test_graphs_are_refused_where_there_is_no_cuda(model: Sam3) -> None:
    (verdict,) = settle(model, {"graphs": gate.graphs})
    assert verdict.error == "RuntimeError: CUDA graphs are for CUDA"
