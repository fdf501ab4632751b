"""The image side: upstream's features without what nobody reads, and other resolutions as if built for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from tests.support.models import untrained, words_only
from tests.support.vit import VIT, built, untrained_vit
from tracker import Ability, Box, Point, Prompt, Sam3, SegmentPrompt, Stage, Tracker, TrackerError
from tracker.model.backbone import Backbone, concepts, positions, resized
from tracker.model.bank import Bank
from tracker.model.configs import FULL, NANO, Config

IMAGE = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
TRUNKS = [pytest.param(VIT, id="vit"), pytest.param(NANO, id="conv")]


def pixels(config: Config) -> Tensor:
    """A picture as the backbone takes it."""
    return torch.randn(1, 3, config.image_size, config.image_size, generator=torch.Generator().manual_seed(0))


def blank(config: Config) -> Tensor:
    """What a trunk makes of a picture, in shape."""
    width = config.vit_dim if config.trunk == "vit" else config.conv_dim
    return torch.zeros(1, width, config.grid, config.grid)


def upstreams(network: Any, picture: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The wheel's levels for the detector, and for clicks with the convolutions that it puts behind them."""
    found = network.backbone.forward_image(picture)
    decoder = network.inst_interactive_predictor.model.sam_mask_decoder
    fine, middle, coarse = found["sam2_backbone_out"]["backbone_fpn"]
    return found["backbone_fpn"], [decoder.conv_s0(fine), decoder.conv_s1(middle), coarse]


def alike(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    return all(float((a - b).abs().max()) <= 1e-5 * float(b.abs().max()) for a, b in zip(some, others, strict=True))


@torch.inference_mode()
@pytest.mark.parametrize("model", [untrained_vit, untrained], ids=["vit", "conv"])
def test_features_are_upstreams(model: Callable[[], Sam3]) -> None:
    network, picture = model().network, pixels(model().config)
    detector, interactive = upstreams(network, picture)
    trunk, *ours = Backbone(network)(picture)
    assert alike(ours, interactive)
    assert alike(concepts(network)(trunk), detector)
    places = network.backbone.forward_image(picture)["vision_pos_enc"]
    assert all(torch.equal(a, b) for a, b in zip(positions(network, ours[2]), places, strict=True))


@torch.inference_mode()
def test_weights_that_change_later_count() -> None:
    network, picture = built(seed=4).network, pixels(VIT)
    image, detector = Backbone(network), concepts(network)
    trunk, *before = image(picture)
    generator = torch.Generator().manual_seed(1)
    for name, weight in network.named_parameters():
        if any(part in name for part in ("sam2_convs", "vision_backbone.convs", "conv_s0", "conv_s1")):
            weight.data = torch.randn(weight.shape, generator=generator) * weight.std() + 0.05  # biases too
    expected, interactive = upstreams(network, picture)
    _, *ours = image(picture)
    assert alike(ours, interactive)
    assert alike(detector(trunk), expected)
    assert not alike(ours, before)


def flops(call: Callable[[], object]) -> float:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


def test_a_frame_on_which_no_concept_is_asked_for_costs_less_than_half_of_upstreams() -> None:
    model, picture = untrained_vit(), pixels(VIT)
    theirs = flops(lambda: upstreams(model.network, picture))
    ours = flops(lambda: model.backbone(picture))
    detector = flops(lambda: model.concepts(blank(VIT)))
    assert ours < 0.45 * theirs
    assert ours + detector < 0.7 * theirs


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("config", TRUNKS)
def test_a_model_without_clicks_and_memory_computes_nothing_for_them(config: Config, fold: bool) -> None:
    whole, part, picture = built(config), built(config), pixels(config)
    part.network.load_state_dict(whole.network.state_dict())
    part.restrict({Ability.WORDS, Ability.EXEMPLARS})
    if fold:
        whole.fold()
        part.fold()
    asked = [Prompt("star", threshold=0.0), Prompt(boxes=(Box(9, 9, 60, 60),), threshold=0.0)]
    expected, found = whole.embed(IMAGE), part.embed(IMAGE)
    assert found.interactive == ()
    assert found.interactive_only().nbytes == 0
    for a, b in zip(part.detect(found, asked), whole.detect(expected, asked), strict=True):
        assert torch.equal(a.logits, b.logits)
    trunk = flops(lambda: whole.network.backbone.vision_backbone.trunk(picture))
    assert flops(lambda: part.backbone(picture)) == trunk < flops(lambda: whole.backbone(picture))


def test_a_stream_of_a_model_without_clicks_and_memory_computes_nothing_for_them() -> None:
    model, looked = words_only(), 4
    tracker = Tracker(model, [Prompt("star", threshold=0.0)], interval=2, max_objects=4)
    model.detect(model.embed(IMAGE), tracker.prompts)  # the word is read once
    word = flops(lambda: model.detect(model.embed(IMAGE), tracker.prompts))
    keyframes = [0]

    def look() -> None:
        for index in range(looked):
            keyframes[0] += tracker.step(IMAGE, index, index / 30).stage is Stage.KEYFRAME

    spent = flops(look)  # between keyframes masks are moved along; associating and moving multiply a little, too
    picture = pixels(NANO)
    neck = flops(lambda: untrained().backbone(picture)) - flops(lambda: model.backbone(picture))
    assert keyframes[0] * word <= spent < keyframes[0] * word + 0.1 * neck


def test_one_of_clicks_and_memory_is_enough_for_what_both_read() -> None:
    model = built()
    model.restrict(set(Ability) - {Ability.CLICKS})
    assert len(model.embed(IMAGE).interactive) == 3
    assert model.same_appearance is None


@pytest.mark.parametrize("config", TRUNKS)
def test_a_folded_model_sees_the_same_for_less_at_every_resolution(config: Config) -> None:
    plain, folded = built(config), built(config)
    folded.network.load_state_dict(plain.network.state_dict())
    names = list(folded.network.state_dict())
    folded.fold()
    if config.trunk == "vit":  # a convolutional trunk has fewer afterwards
        assert list(folded.network.state_dict()) == names
    for side in (config.image_size, 192):
        plain.resize(side)
        folded.resize(side)
        expected, found = plain.embed(IMAGE), folded.embed(IMAGE)
        assert alike(found.interactive, expected.interactive)
        assert alike(folded.levels(found), plain.levels(expected))
    trunk = blank(config)

    def necks(model: Sam3) -> float:
        return flops(lambda: model.backbone.neck(trunk)) + flops(lambda: model.concepts(trunk))  # type: ignore[attr-defined]

    assert necks(folded) < 0.85 * necks(plain)


def test_a_folded_students_map_is_stretched_in_the_necks() -> None:
    config = replace(VIT, trunk="efficientvit_b1", patch=14, resolutions=(224, 252))
    plain, folded = (Sam3(config, torch.device("cpu")) for _ in range(2))
    folded.network.load_state_dict(plain.network.state_dict())
    folded.fold()
    for side, small in ((224, 7), (252, 8)):
        for model in (plain, folded):
            model.bf16_backbone = False
            model.resize(side)
        expected, found = plain.embed(IMAGE), folded.embed(IMAGE)
        assert expected.trunk is not None
        assert found.trunk is not None
        assert (expected.trunk.shape[-1], found.trunk.shape[-1]) == (side // 14, small)
        ours, theirs = (
            (*each.interactive, *model.levels(each)) for model, each in ((folded, found), (plain, expected))
        )
        for a, b in zip(ours, theirs, strict=True):
            assert float((a - b).abs().max()) <= 1e-4 * float(b.abs().max())  # convolutions joined in the trunk, too


def test_the_necks_stay_as_they_are_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Sam3.untrained()
    monkeypatch.setattr(model, "device", torch.device("cuda"))
    model.fold()
    trunk = blank(NANO)
    assert flops(lambda: model.concepts(trunk)) == flops(lambda: concepts(model.network)(trunk))


@pytest.fixture(scope="module", params=TRUNKS)
def native(request: pytest.FixtureRequest) -> Sam3:
    model = built(request.param, seed=3)
    # Sure that objects are there: where they are not, upstream writes one constant into the mask.
    model.interactive.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(5.0)
    return model


def answers(model: Sam3) -> Iterator[Tensor]:
    """Every stage's."""
    embedding = model.embed(IMAGE)
    yield from (*model.levels(embedding), *embedding.interactive)
    found = model.detect(embedding, [Prompt("star", threshold=0.0), Prompt("circle", boxes=(Box(5, 5, 60, 60),))])
    yield found[0].logits
    asked = [SegmentPrompt(box=Box(10, 10, 60, 60)), SegmentPrompt(points=(Point(30, 40),))]
    segmented = model.segment(embedding, asked)
    yield segmented.logits
    bank = Bank()
    bank.condition(model.memorize(embedding, segmented.logits[:1, 0], 0)[0])
    yield model.propagate(embedding, [bank], 1).logits


@pytest.mark.parametrize("side", [192, 256])
def test_a_resized_model_is_the_one_built_for_that_size(native: Sam3, side: int) -> None:
    other, trained = built(replace(native.config, image_size=side)), native.config.image_size
    weights = {name: value for name, value in native.network.state_dict().items() if "freqs_cis" not in name}
    left_out = other.network.load_state_dict(weights, strict=False)
    assert all("freqs_cis" in name for name in left_out.missing_keys)
    native.resize(side)
    try:
        assert (native.side, native.config.grid) == (side // 4, side // 16)
        for ours, expected in zip(answers(native), answers(other), strict=True):
            assert ours.shape == expected.shape
            assert torch.allclose(ours, expected, atol=1e-5)
    finally:
        native.resize(trained)


def test_going_back_to_a_resolution_is_as_if_one_had_never_left(native: Sam3) -> None:
    before, trained = list(answers(native)), native.config.image_size
    native.resize(256)
    list(answers(native))
    native.resize(trained)
    assert all(torch.equal(a, b) for a, b in zip(answers(native), before, strict=True))


def test_a_stream_runs_at_another_resolution(native: Sam3) -> None:
    trained = native.config.image_size
    native.resize(192)
    try:
        tracker = Tracker(native, [Prompt("star", threshold=0.0)], max_objects=64, interval=2)
        for index in range(4):
            step = tracker.step(IMAGE, index, index / 30)
            assert all((track.mask.height, track.mask.width) == IMAGE.shape[:2] for track in step.tracks)
        assert tracker.click(3, [Point(60, 40)]).frame_index == 3
    finally:
        native.resize(trained)


def test_a_resolution_that_a_model_does_not_have_is_refused_in_words() -> None:
    with pytest.raises(TrackerError, match=r"sam3 has no resolution of 900 pixels: it takes 1008, 840, 672, 504"):
        resized(FULL, 900)
    with pytest.raises(TrackerError, match=r"nano has no resolution of 840 pixels: it takes 384, 320, 256, 192"):
        untrained().resize(840)
    assert untrained().config is NANO
    assert [resized(FULL, side).grid for side in FULL.resolutions] == [72, 60, 48, 36]


class Softmaxes(TorchFunctionMode):
    """Counts who computes attention by hand and who by torch's fused one."""

    def __init__(self) -> None:
        super().__init__()
        self.by_hand = self.fused = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = getattr(func, "__name__", "")
        self.by_hand += name in ("softmax", "_softmax")
        self.fused += name == "scaled_dot_product_attention"
        return func(*args, **(kwargs or {}))


def test_no_stage_computes_attention_by_hand(native: Sam3) -> None:
    with Softmaxes() as seen:
        list(answers(native))
    assert seen.by_hand == 0
    assert seen.fused > 10
