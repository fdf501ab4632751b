"""streamer.hosted.visual_segment: points and boxes in, the best mask of each out; over HTTP in test_visual.py."""

from __future__ import annotations

import io
import threading
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import torch

from streamer.engine import Engine
from streamer.errors import BadRequest, TooLarge
from streamer.hosted import visual_segment as visual
from streamer.hosted.embeddings import Asked
from streamer.hosted.schemas import VisualRequest
from tests.support.models import untrained
from tests.support.pictures import patches
from tracker import Box, Embedding, Point, Sam3, Segmentation, SegmentPrompt

WIDTH, HEIGHT = 80, 60
CLICKS = [SegmentPrompt((Point(10 * number + 5, 20),)) for number in range(5)]


async def there() -> None:
    """The client has not hung up."""


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(untrained)
    await engine.load()
    yield engine
    await engine.close()


@pytest.fixture
def asked(engine: Engine) -> Asked:
    model = untrained()
    return Asked(engine, model, "picture", model.embed(np.array(patches(WIDTH, HEIGHT))), cached=False, there=there)


def request(**given: object) -> VisualRequest:
    return VisualRequest.model_validate({"image_id": "dog", **given})


def test_a_box_is_cut_to_the_picture() -> None:
    assert visual.cut(Box(-5, 10, 200, 20), HEIGHT, WIDTH, "box") == Box(0, 10, 80, 20)
    body = request(prompts=[{"box": {"x0": -5, "y0": 10, "x1": 200, "y1": 20}}])
    assert [prompt.box for prompt in visual.prompts(body, HEIGHT, WIDTH)] == [Box(0, 10, 80, 20)]


@pytest.mark.parametrize(
    ("prompt", "field"),
    [
        ({"box": {"x0": 90, "y0": 10, "x1": 200, "y1": 20}}, "prompts[1].box"),
        ({"points": [{"x": 1, "y": 1, "positive": True}, {"x": 1, "y": 61, "positive": True}]}, "prompts[1].points[1]"),
    ],
)
def test_what_lies_outside_the_picture_is_refused_by_its_place(prompt: dict[str, object], field: str) -> None:
    with pytest.raises(BadRequest, match="outside the picture of 80×60") as refused:
        visual.prompts(request(prompts=[{}, prompt]), HEIGHT, WIDTH)
    assert refused.value.field == field
    assert refused.value.message.startswith(f"{field}: ")


def test_each_prompt_is_given_what_was_answered_to_its_beginning() -> None:
    logits = torch.zeros(4, 4)
    first, second = visual.primed(CLICKS[:2], [None, logits])
    assert (first.points, second.points) == (CLICKS[0].points, CLICKS[1].points)
    assert first.logits is None
    assert second.logits is logits


async def test_many_objects_are_asked_for_a_slice_a_turn_and_come_in_their_order(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []
    segment = Sam3.segment

    def counted(self: Sam3, embedding: Embedding, prompts: list[SegmentPrompt], **more: bool) -> Segmentation:
        turns.append(len(prompts))
        return segment(self, embedding, prompts, **more)

    monkeypatch.setattr(Sam3, "segment", counted)
    monkeypatch.setattr(visual, "SLICE", 2)
    found = await visual.segment(asked, CLICKS, request())
    assert turns == [2, 2, 1]
    whole = segment(asked.model, asked.embedding, CLICKS, multimask=True)
    assert torch.allclose(found.ious, whole.ious, atol=1e-4)


@pytest.mark.parametrize("candidates", [False, True])
async def test_what_is_answered_with_is_cut_on_another_thread_than_the_model_s(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, candidates: bool
) -> None:
    seen: list[tuple[str, str, int]] = []
    segment, cut = Sam3.segment, Sam3.cut

    def segmented(self: Sam3, *given: Any, **more: Any) -> Segmentation:
        seen.append(("segment", threading.current_thread().name, 0))
        return segment(self, *given, **more)

    def after(self: Sam3, *given: Any, masks: int) -> Segmentation:
        seen.append(("cut", threading.current_thread().name, masks))
        return cut(self, *given, masks=masks)

    monkeypatch.setattr(Sam3, "segment", segmented)
    monkeypatch.setattr(Sam3, "cut", after)
    await visual.segment(asked, CLICKS[:2], request(return_candidates=candidates))
    assert [what for what, _, _ in seen] == ["segment", "cut"]
    assert seen[0][1] != seen[1][1] and seen[1][2] == (3 if candidates else 1)


async def test_the_best_mask_stands_in_both_lists_and_the_others_beside_it_when_asked(asked: Asked) -> None:
    found = await visual.segment(asked, CLICKS[:2], request())
    plain = visual.answer(asked, found, request(format="rle"))
    assert [entry["prompt_index"] for entry in plain["prompt_results"]] == [0, 1]
    assert [entry["predictions"][0] for entry in plain["prompt_results"]] == plain["predictions"]
    assert not [entry for entry in plain["prompt_results"] if "candidates" in entry]
    all_of_them = visual.answer(asked, found, request(format="rle", return_candidates=True))
    for entry, ious in zip(all_of_them["prompt_results"], found.ious, strict=True):
        scores = [each["confidence"] for each in entry["candidates"]]
        assert scores == pytest.approx(ious.tolist(), abs=1e-4)  # in the model's order, whatever it says of each
        assert len(scores) == 3
        assert entry["predictions"] == entry["candidates"][:1]


async def test_an_archive_holds_masks_logits_and_scores(asked: Asked) -> None:
    found = await visual.segment(asked, CLICKS[:2], request())
    with np.load(io.BytesIO(visual.archive(asked, found))) as arrays:
        assert (arrays["masks"].shape, arrays["masks"].dtype) == ((2, HEIGHT, WIDTH), np.dtype(bool))
        assert np.allclose(arrays["scores"], found.ious[:, 0])
        assert np.allclose(arrays["low_res_masks"], found.logits[:, 0])


def test_more_dense_masks_than_a_reader_can_hold_are_refused() -> None:
    visual.check_dense(2, 1000, 1000)
    with pytest.raises(TooLarge, match="600 dense masks of 1000×1000"):
        visual.check_dense(600, 1000, 1000)
