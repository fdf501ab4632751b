"""The adapter against the wheel's own way of asking: the same network, the same answers."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from tracker import Box, Detected, Embedding, Point, Prompt, Sam3, SegmentPrompt, TrackerError, load_model
from tracker.model.sam3 import DETECT_BATCH, TEXT_CACHE, matrix_bf16
from tracker.worlds.worlds import Video

HEIGHT, WIDTH = 96, 128
EXEMPLAR = Prompt(boxes=(Box(10, 20, 50, 60), Box(60, 10, 100, 40)), labels=(True, False), threshold=0.0)


def exact(seed: int = 0) -> Sam3:
    untrained = Sam3.untrained(seed=seed)
    untrained.bf16_backbone = False  # upstream does not do so on a CPU
    return untrained


@pytest.fixture(scope="module")
def model() -> Sam3:
    return exact()


def image(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.uint8]:
    rough = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    return rough.repeat(8, 0).repeat(8, 1)


@pytest.fixture(scope="module")
def embedding(model: Sam3) -> Embedding:
    return model.embed(image())


def tensors(embedding: Embedding) -> list[Tensor]:
    assert embedding.trunk is not None
    return [embedding.trunk, *embedding.interactive]


def upstream(model: Sam3) -> object:
    from sam3.model.sam3_image_processor import Sam3Processor

    return Sam3Processor(model.network, resolution=model.config.image_size, device="cpu", confidence_threshold=0.0)


def chw(picture: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


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


def scores_of(found: Detected) -> list[float]:
    return sorted(found.scores.tolist(), reverse=True)


@pytest.fixture
def unmended(model: Sam3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstream cuts no masks to their boxes, and takes no detection away."""
    monkeypatch.setattr(model, "config", dataclasses.replace(model.config, mask_reach=None, doubles=None))


@pytest.mark.usefixtures("unmended")
def test_words_are_detected_as_upstream_does(model: Sam3, embedding: Embedding) -> None:
    (ours,) = model.detect(embedding, [Prompt("red circle", threshold=0.0)], nms_iou=None)
    processor = upstream(model)
    state = processor.set_image(chw(image()))  # type: ignore[attr-defined]
    theirs = processor.set_text_prompt("red circle", state)  # type: ignore[attr-defined]
    assert np.allclose(scores_of(ours), sorted(theirs["scores"].tolist(), reverse=True), atol=1e-5)
    order = theirs["scores"].argsort(descending=True, stable=True)
    masks = [mask for mask, _ in model.masks(ours.logits, HEIGHT, WIDTH, hole_area=0)]
    for place in (0, 1, 2):
        expected = theirs["masks"][order[place], 0].numpy()
        assert (masks[place].dense() != expected).mean() < 0.02  # specks of the low resolution are repaired


@pytest.mark.usefixtures("unmended")
def test_exemplars_are_detected_as_upstream_does(model: Sam3, embedding: Embedding) -> None:
    (ours,) = model.detect(embedding, [EXEMPLAR], nms_iou=None)
    processor = upstream(model)
    state = processor.set_image(chw(image()))  # type: ignore[attr-defined]
    for box, label in zip(EXEMPLAR.boxes, EXEMPLAR.labels, strict=True):
        center = [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, box.x1 - box.x0, box.y1 - box.y0]
        shares = [value / (WIDTH, HEIGHT)[place % 2] for place, value in enumerate(center)]
        theirs = processor.add_geometric_prompt(shares, label, state)  # type: ignore[attr-defined]
    assert np.allclose(scores_of(ours), sorted(theirs["scores"].tolist(), reverse=True), atol=1e-5)


def test_prompts_together_are_answered_as_each_alone(model: Sam3, embedding: Embedding) -> None:
    words = ["red", "green circle", "thing", "blue star", "square", "a purple triangle"]
    prompts = [Prompt(word, threshold=0.0) for word in words]
    prompts.insert(2, EXEMPLAR)
    prompts.insert(4, dataclasses.replace(EXEMPLAR, text="red", labels=()))
    assert len(words) > DETECT_BATCH
    together = model.detect(embedding, prompts)
    for prompt, found in zip(prompts, together, strict=True):
        (alone,) = model.detect(embedding, [prompt])
        assert torch.allclose(alone.scores, found.scores, atol=1e-5)
        assert torch.allclose(alone.logits, found.logits, atol=1e-3)
    assert model.detect(embedding, []) == []


@pytest.mark.usefixtures("unmended")
def test_a_threshold_is_the_lowest_score_and_belongs_to_its_prompt(model: Sam3, embedding: Embedding) -> None:
    (everything,) = model.detect(embedding, [Prompt("red", threshold=0.0)], nms_iou=None)
    assert len(everything) == model.config.queries
    middle = float(everything.scores[10])
    some, none = model.detect(embedding, [Prompt("red", threshold=middle), Prompt("red", threshold=1.0)], nms_iou=None)
    assert len(some) == int((everything.scores >= middle).sum())
    assert len(none) == 0
    assert none.logits.shape == (0, model.side, model.side)


def test_a_model_that_finds_things_twice_is_known_to(
    model: Sam3, embedding: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where nobody asks for suppression; a lower limit that somebody asks for still counts."""
    asked = [Prompt("red", threshold=0.0)]
    left = []
    for doubles, nms_iou in ((None, None), (0.7, None), (0.7, 0.9), (0.7, 0.2), (None, 0.7)):
        monkeypatch.setattr(model, "config", dataclasses.replace(model.config, doubles=doubles))
        left.append(len(model.detect(embedding, asked, nms_iou=nms_iou)[0]))
    everything, mended, higher, lower, same = left
    assert everything == model.config.queries
    assert everything > mended == higher == same > lower


def test_detections_come_best_first_and_no_two_are_one_object(model: Sam3, embedding: Embedding) -> None:
    (found,) = model.detect(embedding, [Prompt("red", threshold=0.0)], nms_iou=0.3)
    assert found.scores.tolist() == scores_of(found)
    from tracker.model.postprocess import pairwise_iou

    ious = pairwise_iou(found.logits > 0, found.logits > 0).fill_diagonal_(0)
    assert ious.max() <= 0.3


def test_text_features_are_kept_and_their_number_is_bounded() -> None:
    model = exact()
    calls: list[object] = []
    forward = model.network.backbone.forward_text

    def counted(texts: list[str], **options: object) -> object:
        calls.append(texts)
        return forward(texts, **options)

    model.network.backbone.forward_text = counted
    seen = model.embed(image())
    for _ in range(3):
        model.detect(seen, [Prompt("red circle"), Prompt("circle")])
    assert len(calls) == 2
    with torch.inference_mode():
        for number in range(TEXT_CACHE + 20):
            model._text(f"thing {number}")
            model._text("red circle")  # asked again and again: stays
    assert len(model._texts) == TEXT_CACHE
    assert "red circle" in model._texts
    assert len(calls) == 2 + TEXT_CACHE + 20


@pytest.mark.usefixtures("unmended")
def test_concepts_are_answered_with_masks_at_picture_size(model: Sam3, embedding: Embedding) -> None:
    first, second = model.concept_segment(embedding, [Prompt("red", threshold=0.0), Prompt("star", threshold=1.0)])
    assert second == []
    assert [each.prompt for each in first] == [0] * model.config.queries
    assert [each.score for each in first] == sorted((each.score for each in first), reverse=True)
    assert {(each.mask.height, each.mask.width) for each in first} == {(HEIGHT, WIDTH)}


def test_suppression_over_all_prompts_leaves_no_overlap_between_them(model: Sam3, embedding: Embedding) -> None:
    asked = [Prompt("red", threshold=0.0), Prompt("star", threshold=0.0)]
    found = model.concept_segment(embedding, asked, nms_iou=0.2)
    kept = [each.mask.dense() for some in found for each in some if each.mask.area]
    assert len(kept) < sum(len(some) for some in model.concept_segment(embedding, asked))
    for place, mask in enumerate(kept):
        for other in kept[:place]:
            # Decided on the masks' own resolution, counted here at the picture's.
            assert (mask & other).sum() / (mask | other).sum() <= 0.25


def found_apart(model: Sam3, embedding: Embedding, *prompts: Prompt) -> list[Detected]:
    """Each prompt in a call of its own, as HTTP requests ask so that live streams come in between."""
    return [model.detect(embedding, [prompt], nms_iou=None)[0] for prompt in prompts]


@pytest.mark.parametrize("nms_iou", [None, 0.0, 0.2])
def test_what_several_calls_found_is_finished_as_if_it_were_one(
    model: Sam3, embedding: Embedding, nms_iou: float | None
) -> None:
    asked = [Prompt("red", threshold=0.0), EXEMPLAR, Prompt("star", threshold=1.0), Prompt("star", threshold=0.0)]
    whole = model.concept_segment(embedding, asked, nms_iou=nms_iou)
    parts = model.finish(embedding, found_apart(model, embedding, *asked), nms_iou=nms_iou)
    assert parts[2] == []
    for place, (some, wanted) in enumerate(zip(parts, whole, strict=True)):
        assert [each.prompt for each in some] == [place] * len(wanted)
        assert np.allclose([each.score for each in some], [each.score for each in wanted], atol=1e-4)
        assert [each.mask.area for each in some] == pytest.approx([each.mask.area for each in wanted], abs=8)


def test_of_two_alike_the_better_stays_whichever_prompt_found_it(model: Sam3, embedding: Embedding) -> None:
    square = torch.full((1, model.side, model.side), -5.0)
    square[0, 5:20, 5:20] = 5
    worse, better = Detected(torch.tensor([0.6]), square), Detected(torch.tensor([0.9]), square)
    for found, left in [([worse, better], [0, 1]), ([better, worse], [1, 0]), ([worse, worse], [1, 0])]:
        assert [len(some) for some in model.finish(embedding, found, nms_iou=0.5)] == left
        assert [len(some) for some in model.finish(embedding, found)] == [1, 1]
    nothing = Detected(torch.empty(0), torch.empty(0, model.side, model.side))
    assert model.finish(embedding, [nothing, nothing], nms_iou=0.5) == [[], []]
    assert model.finish(embedding, [], nms_iou=0.5) == []


@pytest.mark.usefixtures("unmended")
def test_another_thread_may_finish_what_the_models_thread_found(model: Sam3, embedding: Embedding) -> None:
    """The last third of a request holds up no live stream."""
    asked = Prompt("red", threshold=0.0)
    (here,) = model.finish(embedding, found_apart(model, embedding, asked), nms_iou=0.5)
    with ThreadPoolExecutor(1) as thread:
        finishing = thread.submit(model.finish, embedding, found_apart(model, embedding, asked), nms_iou=0.5)
        assert finishing.result() == [here]
        masks = thread.submit(model.masks, found_apart(model, embedding, asked)[0].logits, HEIGHT, WIDTH)
        assert len(masks.result()) == model.config.queries


@pytest.mark.parametrize("multimask", [True, False])
def test_clicks_boxes_and_masks_are_answered_as_upstream_does(
    model: Sam3, embedding: Embedding, multimask: bool
) -> None:
    state = upstream(model).set_image(chw(image()))  # type: ignore[attr-defined]
    previous = torch.randn(model.side, model.side, generator=torch.Generator().manual_seed(3)) * 5
    asked: list[tuple[SegmentPrompt, dict[str, Any]]] = [
        (SegmentPrompt(points=(Point(30, 40),)), {"point_coords": [[30, 40]], "point_labels": [1]}),
        (
            SegmentPrompt(points=(Point(30, 40), Point(70, 20, False))),
            {"point_coords": [[30, 40], [70, 20]], "point_labels": [1, 0]},
        ),
        (SegmentPrompt(box=Box(10, 20, 90, 80)), {"box": [10, 20, 90, 80]}),
        (
            SegmentPrompt(points=(Point(30, 40),), box=Box(10, 20, 90, 80), logits=previous),
            {"point_coords": [[30, 40]], "point_labels": [1], "box": [10, 20, 90, 80], "mask_input": previous[None]},
        ),
        (SegmentPrompt(), {}),
    ]
    ours = model.segment(embedding, [prompt for prompt, _ in asked], multimask=multimask)
    for row, (_, question) in enumerate(asked):
        arrays = {key: np.asarray(value, np.float32) for key, value in question.items()}
        _, ious, logits = model.network.predict_inst(state, multimask_output=multimask, **arrays)
        order = np.argsort(-ious, kind="stable")
        assert np.allclose(ours.ious[row], ious[order], atol=1e-5)
        assert np.allclose(ours.logits[row], logits[order], atol=1e-4)


def test_many_objects_in_one_call_are_answered_as_each_alone(model: Sam3, embedding: Embedding) -> None:
    earlier = torch.randn(model.side, model.side, generator=torch.Generator().manual_seed(4)) * 5
    objects = [
        SegmentPrompt(box=Box(place, 10, place + 30, 60), logits=earlier if place % 3 else None)
        for place in range(model.speed.segment_batch + 4)
    ]
    objects += [SegmentPrompt(points=(Point(5, 5),)), SegmentPrompt(logits=earlier), SegmentPrompt()]
    together = model.segment(embedding, objects)
    for row, each in enumerate(objects):
        alone = model.segment(embedding, [each])
        assert torch.allclose(alone.logits[0], together.logits[row], atol=1e-4)
        assert torch.allclose(alone.present[0], together.present[row], atol=1e-5)
    assert len(model.segment(embedding, []).ious) == 0


def test_candidates_come_best_first_and_within_what_may_be_fed_back(model: Sam3, embedding: Embedding) -> None:
    found = model.segment(embedding, [SegmentPrompt(points=(Point(30, 40),))], multimask=True)
    assert found.logits.shape == (1, 3, model.side, model.side)
    assert found.ious[0].tolist() == sorted(found.ious[0].tolist(), reverse=True)
    assert found.logits.abs().max() <= 32
    assert 0 <= float(found.present) <= 1


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


def test_words_that_were_never_taught_get_a_hint(model: Sam3) -> None:
    assert model.hint("two red circles") == 'The embedded model was never taught "two". ' + (
        "It knows the colours red, orange, yellow, green, cyan, blue, purple, pink, the shapes circle, square, "
        "triangle, star, heart, cross, ring, crescent and drawings of 57 things such as dog, cat, horse, asked for as "
        '"red circle", "circle" or "red thing"; anything can be clicked.'
    )
    assert model.hint("a red circle") is None
    assert "star" in (model.vocabulary() or ())


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
