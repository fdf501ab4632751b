"""What makes a model faster stays on only with fp32's answers, and compiled parts never compile mid-stream."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from tracker import Box, Embedding, Prompt, Sam3, SegmentPrompt, acceleration, load_model
from tracker.acceleration import Answers, accelerate, compare, settle
from tracker.model import compiled
from tracker.model.bank import Bank
from tracker.model.compiled import COSINE, Undo
from tracker.model.compute import Speed
from tracker.model.configs import Ability
from tracker.model.precision import restore


@functools.cache
def nano() -> Sam3:
    return load_model("nano", device="cpu")


@pytest.fixture
def model() -> Iterator[Sam3]:
    """The trained one, as it was afterwards."""
    trained = nano()
    undo = acceleration.plain(trained)
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
            {"nothing": acceleration.buckets, "careless": careless, "missing": missing, "bf16": acceleration.bf16},
            say=told.append,
        )
    assert right.passes and right.cosine > 0.999999 and right.iou > 0.9999
    assert not wrong.passes and wrong.cosine < COSINE
    assert gone.error == "RuntimeError: no kernel image is available"
    assert last.cosine > COSINE
    assert model.speed.buckets
    assert [record.message.split(":")[0] for record in caplog.records[:2]] == ["careless is off", "missing is off"]
    assert "nothing is on: cosine 1.0000, mask IoU 1.0000" in told


def test_what_makes_the_detector_overflow_goes_off(model: Sam3) -> None:
    def overflowing(model: Sam3) -> Undo:
        ground, patch = model.detector.ground, pytest.MonkeyPatch()
        patch.setattr(model.detector, "ground", lambda *asked: [each * float("inf") for each in ground(*asked)])
        return patch.undo

    overflows, after = settle(model, {"overflowing": overflowing, "nothing": acceleration.buckets})
    assert overflows.error == "RuntimeError: what it detects is not finite" and not overflows.passes
    assert after.passes


def test_what_a_model_has_no_part_for_is_not_timed_and_stays_off(model: Sam3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(acceleration, "LOOKS", 1)
    monkeypatch.setattr(model, "config", replace(model.config, abilities=frozenset({Ability.WORDS})))
    (verdict,) = settle(model, {acceleration.MEMORY: compiled.memory}, clock=acceleration.Question().seconds)
    assert verdict.error.startswith("Unable: ") and not verdict.passes


def test_what_makes_a_look_slower_goes_off(model: Sam3) -> None:
    def slow(model: Sam3) -> Undo:
        before, model.segmenter.decoder = model.segmenter.decoder, functools.partial(model.segmenter.decoder)

        def undo() -> None:
            model.segmenter.decoder = before

        return undo

    taken = iter([1.0, 1.5, 1.01, 0.5, 0.9])  # at first, and with each
    decoder = model.segmenter.decoder
    steps = {"slow": slow, "noise": acceleration.buckets, "fast": acceleration.buckets, "slower than fast": slow}
    found = settle(model, steps, clock=lambda model, work: next(taken))
    assert [(each.name, each.before) for each in found if each.slower] == [("slow", 1.0), ("slower than fast", 0.5)]
    assert str(found[0]).endswith(", a look in 1500.0 ms (before: 1000.0)")
    assert model.segmenter.decoder is decoder and model.speed.buckets


def test_plain_means_no_tf32_either() -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    try:
        cudnn.allow_tf32 = matmul.allow_tf32 = True  # as `import sam3` leaves both beside a GPU
        undo = acceleration.plain(nano())
        assert (cudnn.allow_tf32, matmul.allow_tf32) == (False, False)
        undo()
        assert (cudnn.allow_tf32, matmul.allow_tf32) == (True, True)
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before


def test_bf16_passes_on_trained_weights(model: Sam3) -> None:
    """The gate's own bar; autocast on a CPU stands in for CUDA's."""
    weights = [(layer, *named) for layer in model.network.modules() for named in layer.named_parameters(recurse=False)]
    bf16, halved = settle(model, {"bf16": acceleration.bf16, "bf16 weights": acceleration.halved})
    print(bf16, halved, sep="\n")
    try:
        assert bf16.passes and halved.passes
        assert model.network.backbone.vision_backbone.trunk.join.weight.dtype is torch.bfloat16
    finally:
        restore(weights)


def test_weights_in_bf16_are_the_casts_that_autocast_makes() -> None:
    untrained = Sam3.untrained()
    untrained.bf16_backbone, untrained.speed.bf16 = False, True
    image = np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)
    before = everything(untrained, image)
    undo = acceleration.halved(untrained)
    untrained.forget()
    after = everything(untrained, image)
    assert untrained.interactive.sam_mask_decoder.transformer.layers[0].mlp.lin1.weight.dtype is torch.bfloat16
    undo()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert untrained.network.backbone.vision_backbone.trunk.join.weight.dtype is torch.float32


def everything(model: Sam3, image: np.ndarray) -> list[torch.Tensor]:
    embedding, box = model.embed(image), Box(10, 10, 60, 60)
    (found,) = model.detect(embedding, [Prompt("star", threshold=0.0)])
    some = model.segment(embedding, [SegmentPrompt(box=box, logits=found.logits[0])])
    bank = Bank()
    bank.condition(model.memorize(embedding, some.logits[:, 0], 0)[0])
    followed = model.propagate(embedding, [bank], 1)
    return [*embedding.interactive, found.scores, found.logits, some.logits, some.ious, followed.logits]


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
    acceleration.buckets(model)
    padded = model.segment(embedding, asked)
    assert padded.logits.shape == alone.logits.shape
    assert torch.allclose(padded.logits, alone.logits, atol=1e-5)
    assert torch.allclose(padded.ious, alone.ious, atol=1e-5)
    assert torch.allclose(padded.present, alone.present, atol=1e-5)


def test_a_compiler_that_fails_leaves_the_encoder_as_it_was(model: Sam3, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: object, **options: object) -> Callable[..., None]:
        def call(*args: object) -> None:
            raise RuntimeError("no compiler")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    before = model.backbone
    (judged,) = settle(model, {"compiled": compiled.backbone})
    assert judged.error == "RuntimeError: no compiler"
    assert model.backbone is before
    model.embed(np.zeros((64, 64, 3), np.uint8))


def test_on_a_cpu_nothing_is_switched_on(model: Sam3) -> None:
    assert accelerate(model) == []
    assert model.speed == Speed()
    assert Speed.of(torch.device("cuda")).bf16


def test_graphs_are_refused_where_there_is_no_cuda(model: Sam3) -> None:
    (verdict,) = settle(model, {"graphs": compiled.graphs})
    assert verdict.error == "RuntimeError: CUDA graphs are for CUDA"
