"""Concepts against the wheel's own way of asking: the same network, the same answers."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tests.support.models import untrained
from tests.support.wheel import EXEMPLAR, HEIGHT, WIDTH, chw, image, upstream
from tracker import Detected, Embedding, Prompt, Sam3
from tracker.model.detector import DETECT_BATCH, TEXT_CACHE
from tracker.model.features import Shown
from tracker.model.postprocess import pairwise_iou
from tracker.model.rivals import settled


@pytest.fixture(scope="module")
def model() -> Sam3:
    return untrained()


@pytest.fixture(scope="module")
def embedding(model: Sam3) -> Embedding:
    return model.embed(image())


def scores_of(found: Detected) -> list[float]:
    return sorted(found.scores.tolist(), reverse=True)


@pytest.fixture
def unmended(model: Sam3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstream cuts no masks to their boxes, and takes no detection away."""
    faultless = dataclasses.replace(model.config, mask_reach=None, doubles=None, rivals=None)
    monkeypatch.setattr(model.detector, "config", faultless)


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


@pytest.mark.usefixtures("unmended")
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


def test_of_two_nouns_asked_together_the_surer_one_keeps_a_thing(
    model: Sam3, embedding: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [Prompt("red circle", threshold=0.0), Prompt("star", threshold=0.0)]
    monkeypatch.setattr(model.detector, "config", dataclasses.replace(model.config, rivals=None))
    both = model.detect(embedding, prompts)
    monkeypatch.setattr(model.detector, "config", dataclasses.replace(model.config, rivals=0.3))
    some = model.detect(embedding, prompts)
    assert [each.scores.tolist() for each in some] == [each.scores.tolist() for each in settled(prompts, both, 0.3)]
    assert sum(map(len, some)) < sum(map(len, both))


@pytest.mark.usefixtures("unmended")
def test_a_threshold_is_the_lowest_score_and_belongs_to_its_prompt(model: Sam3, embedding: Embedding) -> None:
    (everything,) = model.detect(embedding, [Prompt("red", threshold=0.0)], nms_iou=None)
    assert len(everything) == model.config.queries
    middle = float(everything.scores[9:11].mean())  # between two scores: in one batch they differ in the last digit
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
        monkeypatch.setattr(model.detector, "config", dataclasses.replace(model.config, doubles=doubles))
        left.append(len(model.detect(embedding, asked, nms_iou=nms_iou)[0]))
    everything, mended, higher, lower, same = left
    assert everything == model.config.queries
    assert everything > mended == higher == same > lower


def test_detections_come_best_first_and_no_two_are_one_object(model: Sam3, embedding: Embedding) -> None:
    (found,) = model.detect(embedding, [Prompt("red", threshold=0.0)], nms_iou=0.3)
    assert found.scores.tolist() == scores_of(found)
    ious = pairwise_iou(found.logits > 0, found.logits > 0).fill_diagonal_(0)
    assert ious.max() <= 0.3


def test_text_features_are_kept_and_their_number_is_bounded() -> None:
    model = Sam3.untrained()
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
            model.detector.text(f"thing {number}", model.device)
            model.detector.text("red circle", model.device)  # asked again and again: stays
    assert len(model.detector._texts) == TEXT_CACHE
    assert "red circle" in model.detector._texts
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


@pytest.mark.usefixtures("unmended")
def test_an_example_of_the_same_picture_finds_what_its_boxes_find(model: Sam3, embedding: Embedding) -> None:
    """What boxes show is taken along as tokens: on the picture that they were taken from nothing changes."""
    asked = dataclasses.replace(EXEMPLAR, text="red")
    for prompt in (EXEMPLAR, asked):
        shown = Shown.of(prompt, model.example(embedding, prompt))
        boxes, tokens, words = model.detect(embedding, [prompt, shown, Prompt("red", threshold=0.0)], nms_iou=None)
        assert torch.allclose(boxes.scores, tokens.scores, atol=1e-5)
        assert torch.allclose(boxes.logits, tokens.logits, atol=1e-3)
        assert not torch.allclose(words.scores, tokens.scores, atol=1e-5)


def test_examples_of_several_pictures_are_asked_together(model: Sam3, embedding: Embedding) -> None:
    other = model.embed(np.ascontiguousarray(image()[:, ::-1]))
    one = dataclasses.replace(EXEMPLAR, boxes=EXEMPLAR.boxes[:1], labels=(True,))
    shown = [Shown.of(one, model.example(each, one)) for each in (embedding, other)]
    together = model.detect(embedding, shown, nms_iou=None)
    assert not torch.equal(shown[0].example.tokens, shown[1].example.tokens)
    for prompt, found in zip(shown, together, strict=True):
        (alone,) = model.detect(embedding, [prompt], nms_iou=None)
        assert torch.allclose(alone.scores, found.scores, atol=1e-5)
