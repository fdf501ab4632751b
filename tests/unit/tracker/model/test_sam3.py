"""The adapter against the wheel's own way of asking: the same network, the same answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.wheel import EXEMPLAR, HEIGHT, WIDTH, chw, image, upstream
from tracker import Embedding, Point, Prompt, Sam3, SegmentPrompt, TrackerError, load_model
from tracker.model.compute import matrix_bf16
from tracker.worlds.worlds import Video


def exact(seed: int = 0) -> Sam3:
    untrained = Sam3.untrained(seed=seed)
    untrained.bf16_backbone = False  # upstream does not do so on a CPU
    return untrained


@pytest.fixture(scope="module")
def model() -> Sam3:
    return exact()


@pytest.fixture(scope="module")
def embedding(model: Sam3) -> Embedding:
    return model.embed(image())


def tensors(embedding: Embedding) -> list[Tensor]:
    assert embedding.trunk is not None
    return [embedding.trunk, *embedding.interactive]


def test_a_picture_is_prepared_as_upstreams_processor_does(model: Sam3) -> None:
    for size in ((96, 128), (480, 640), (225, 223), (100, 1000)):
        picture = image(1, *(side // 8 * 8 for side in size))
        expected = upstream(model).transform(chw(picture))  # type: ignore[attr-defined]
        assert torch.allclose(model._square(picture)[0], expected, atol=1e-6)


def test_an_embedding_is_upstreams(model: Sam3, embedding: Embedding) -> None:
    state = upstream(model).set_image(chw(image()))["backbone_out"]  # type: ignore[attr-defined]
    theirs = [*state["backbone_fpn"], *state["sam2_backbone_out"]["backbone_fpn"]]
    ours = [*model.levels(embedding), *embedding.interactive]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours, theirs, strict=True))
    assert (embedding.height, embedding.width) == (HEIGHT, WIDTH)


def test_any_layout_of_a_picture_is_embedded_alike(model: Sam3, embedding: Embedding) -> None:
    wide = np.zeros((HEIGHT, WIDTH * 2, 3), np.uint8)
    wide[:, ::2] = image()
    for picture in (wide[:, ::2], np.asfortranarray(image()), image()[::-1].copy()[::-1]):
        assert torch.equal(model.embed(picture).interactive[2], embedding.interactive[2])


@pytest.mark.parametrize("shape", [(96, 128), (96, 128, 4), (0, 128, 3), (3, 96, 128)])
def test_an_array_that_is_no_picture_is_refused(model: Sam3, shape: tuple[int, ...]) -> None:
    with pytest.raises(TrackerError, match="a picture is"):
        model.embed(np.zeros(shape, np.uint8))
    with pytest.raises(TrackerError, match="float32"):
        model.embed(np.zeros((96, 128, 3), np.float32))


def test_nothing_asked_of_an_embedding_changes_it(model: Sam3, embedding: Embedding) -> None:
    before = [each.clone() for each in tensors(embedding)]
    model.detect(embedding, [Prompt("red circle", threshold=0.0), EXEMPLAR])
    logits = model.segment(embedding, [SegmentPrompt(points=(Point(9, 9),))]).logits[:, 0]
    model.segment(embedding, [SegmentPrompt(logits=logits[0])], multimask=True)
    model.memorize(embedding, logits, 0)
    assert all(torch.equal(a, b) for a, b in zip(tensors(embedding), before, strict=True))
    with pytest.raises(dataclasses.FrozenInstanceError):
        embedding.height = 3  # type: ignore[misc]


def test_no_concept_is_detected_on_what_was_kept_for_clicks(model: Sam3, embedding: Embedding) -> None:
    with pytest.raises(TrackerError, match="kept for clicks only"):
        model.detect(embedding.interactive_only(), [Prompt("red")])
    with pytest.raises(TrackerError, match="kept for clicks only"):
        model.levels(embedding.interactive_only())


def test_prompts_that_are_asked_one_by_one_share_the_levels_of_their_picture(
    model: Sam3, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Tensor] = []
    real = model.concepts

    def counted(trunk: Tensor) -> tuple[Tensor, ...]:
        made.append(trunk)
        return real(trunk)

    monkeypatch.setattr(model, "concepts", counted)
    one, other = model.embed(image(2)), model.embed(image(3))
    for embedding in (one, one, other, one):
        model.detect(embedding, [Prompt("red")])
    assert [each is one.trunk for each in made] == [True, False, True]


def test_holes_are_filled_in_what_a_click_answers(model: Sam3) -> None:
    logits = torch.full((1, model.side, model.side), -5.0)
    logits[0, 10:40, 10:40] = 5
    logits[0, 20:22, 20:22] = -5
    ((whole, box),) = model.masks(logits, HEIGHT, WIDTH)
    ((plain, _),) = model.masks(logits, HEIGHT, WIDTH, hole_area=0)
    assert whole.area > plain.area
    assert len(whole.polygons()) == 1
    assert box.x1 - box.x0 == pytest.approx(30 / model.side * WIDTH, abs=2)


def test_nothing_stays_entered_after_a_call(model: Sam3) -> None:
    model.embed(image())
    assert not torch.is_inference_mode_enabled()
    assert not torch.is_autocast_enabled("cuda")
    assert not torch.is_autocast_enabled("cpu")


def test_new_weights_are_used_at_once(model: Sam3) -> None:
    """The autocast trap: a context left open by the wheel would keep serving casts of the old weights."""
    other = exact(seed=1)
    before = other.embed(image()).interactive[2]
    other.network.load_state_dict(model.network.state_dict())
    assert torch.equal(other.embed(image()).interactive[2], model.embed(image()).interactive[2])
    assert not torch.allclose(before, other.embed(image()).interactive[2])


def test_the_same_seed_makes_the_same_untrained_model_and_leaves_the_worlds_chance_alone(model: Sam3) -> None:
    state = torch.get_rng_state()
    again = exact()
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(model.embed(image()).interactive[2], again.embed(image()).interactive[2])


def test_a_prompt_longer_than_what_the_model_reads_is_told(model: Sam3) -> None:
    """What it reads is what it looks for: the words left out change nothing."""
    hint = model.hint("red circles, blue stars, green squares, pink hearts")
    kept = "red circle blue star green square"
    assert hint == f'The model reads 6 words of a prompt and this one has 8: it looks for "{kept}".'
    long = model.detector.text("red circles blue stars green squares pink hearts", model.device)
    short = model.detector.text(kept, model.device)
    assert torch.equal(long[0], short[0])
    assert (model.untaught("two stars"), "star" in (model.vocabulary() or ())) == (["two"], True)


@pytest.mark.skipif(not matrix_bf16(), reason="this CPU multiplies no matrices of bf16")
def test_masks_are_the_same_where_the_backbone_computes_in_bf16() -> None:
    trained = load_model("nano", device="cpu")
    assert trained.bf16_backbone
    ious = []
    for seed in range(6):
        picture = next(iter(Video(seed, 320, 240, objects=(3, 5)))).image
        answers = []
        for trained.bf16_backbone in (False, True):
            embedding = trained.embed(picture)
            assert all(level.dtype == torch.float32 for level in tensors(embedding))
            answers.append(trained.concept_segment(embedding, [Prompt("thing")])[0])
        slow, fast = answers
        assert len(slow) == len(fast) > 0
        for one, other in zip(slow, fast, strict=True):
            a, b = one.mask.dense(), other.mask.dense()
            ious.append((a & b).sum() / (a | b).sum())
    assert np.mean(ious) >= 0.99
