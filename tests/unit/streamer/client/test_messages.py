"""What the server writes is what the client reads: every message here is made by the server's own code."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import msgpack
import numpy as np
import pytest

from streamer import result as told
from streamer.client import Box, LookedAt, Picture, messages
from streamer.wire import results
from tests.support.results import HEIGHT, WIDTH, result, track
from tracker import Prompt, Stage


def read(sent: Any, picture: Picture | None = None, **options: Any) -> messages.Result:
    return messages.result(json.loads(results.result_json(sent, **options)), picture)


FOLLOWED = result(
    7,
    (track(3, 0), track(4, None, tentative=True), track(5, 0, score=0.5)),
    (Prompt("circle"), Prompt("star")),
    notes={1: "It rests."},
)


@pytest.mark.parametrize("form", ["rle", "polygon"])
def test_a_result_has_its_objects_prompt_by_prompt(form: str) -> None:
    found = read(FOLLOWED, form=form)
    assert [(each.id, each.prompt_index, each.text) for each in found.objects] == [
        (3, 0, "circle"),
        (5, 0, "circle"),
        (4, 2, None),
    ]
    first, _, clicked = found.objects
    assert first.box == Box(10, 5, 30, 25)
    assert (first.confidence, first.stage, first.tentative, clicked.tentative) == (0.9, "refine", False, True)
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[5:25, 10:30] = True
    assert np.array_equal(first.mask.dense(), wanted)


def test_a_result_says_which_frame_it_is_of_and_what_was_missed() -> None:
    found = read(FOLLOWED, dropped=9)
    assert found.session == "abc"
    assert found.frame == messages.Frame(7, 0, 21_000, Fraction(1, 90_000), None, WIDTH, HEIGHT)
    assert found.frame.seconds == pytest.approx(21_000 / 90_000)
    assert (found.stage, found.reason, found.error) == ("keyframe", "interval", None)
    assert (found.age_ms, found.seconds) == (41.0, 0.021)
    assert (found.dropped_by_source, found.dropped_by_reader) == (2, 9)
    assert found.notes == {1: "It rests."}


def test_a_frame_without_a_time_has_no_seconds() -> None:
    sent = replace(FOLLOWED, frame=replace(FOLLOWED.frame, pts=None))
    assert read(sent).frame.seconds is None


def test_a_frame_that_failed_is_a_result_with_an_error_and_no_objects() -> None:
    found = read(result(8, error="This frame could not be looked at."))
    assert (found.frame.index, found.error, found.objects) == (8, "This frame could not be looked at.", ())
    assert (found.stage, found.reason, found.seconds) == (None, None, None)


def test_a_result_names_the_look_behind_its_masks() -> None:
    own = read(FOLLOWED)
    assert own.looked_at == LookedAt(7, 41.0, "keyframe", "interval")
    look = told.LookedAt(4, 0.2, Stage.REFINE, "new")
    assert read(replace(FOLLOWED, presented=True, looked_at=look)).looked_at == LookedAt(4, 200.0, "refine", "new")
    assert read(replace(FOLLOWED, presented=True)).looked_at is None
    assert read(result(8, error="It broke.")).looked_at is None


def test_a_server_that_names_no_look_is_read_too() -> None:
    message = results.result_message(FOLLOWED)
    del message["looked_at"]
    found = messages.result(message)
    assert (found.looked_at, found.ahead, found.frame.index) == (None, False, 7)


def test_masks_that_were_moved_ahead_say_so_in_either_encoding() -> None:
    moved = replace(FOLLOWED, ahead=(track(4, None),))
    message = results.result_message(moved, ahead=True)
    packed = results.packs(results.result_message(moved, ahead=True))
    for found in (messages.result(message), messages.result(msgpack.unpackb(packed))):
        assert found.ahead
        assert [each.id for each in found.objects] == [4]
        assert found.looked_at == LookedAt(7, 41.0, "keyframe", "interval")
    assert not read(moved).ahead


def test_a_picture_belongs_to_its_own_frame_only() -> None:
    assert read(FOLLOWED, Picture(7, b"jpeg")).picture == Picture(7, b"jpeg")
    assert read(FOLLOWED, Picture(6, b"jpeg")).picture is None


def test_an_answer_about_a_picture_can_be_indexed_and_iterated() -> None:
    mask = results.masks_json(track(1, 0).mask, "rle")
    prediction = {"format": "rle", "confidence": 0.75, "masks": mask}
    entries = [
        {"prompt_index": 0, "echo": results.echo_json(0, Prompt("star")), "predictions": [prediction]},
        {"prompt_index": 1, "echo": results.echo_json(1, Prompt("circle")), "predictions": []},
        {"prompt_index": 2, "predictions": [prediction], "candidates": [prediction] * 3},
    ]
    found = messages.found({"prompt_results": entries, "time": 0.2}, {"x-model": "nano", "x-cache": "hit"})
    assert len(found) == 3
    assert [each.text for each in found] == ["star", "circle", None]
    assert [len(each.predictions) for each in found] == [1, 0, 1]
    assert len(found[2].candidates) == 3
    assert [each.confidence for each in found.predictions] == [0.75, 0.75]
    assert found[0].predictions[0].mask.area == 400
    assert (found.seconds, found.model, found.cached) == (0.2, "nano", True)
    assert not messages.found({"prompt_results": [], "time": 0}, {}).cached


@pytest.mark.parametrize("odd", [None, [], {}, {"prompt_results": [{}], "time": 1}, {"prompt_results": 7, "time": 1}])
def test_an_answer_of_another_shape_is_misread_in_known_ways(odd: Any) -> None:
    with pytest.raises(messages.MISREAD):
        messages.found(odd, {})
    with pytest.raises(messages.MISREAD):
        messages.result(odd)
    with pytest.raises(messages.MISREAD):
        messages.session_info(odd)


@pytest.mark.parametrize(("told", "looks"), [({"looks": 9.7}, 9.7), ({}, None)])
def test_a_session_says_how_often_the_model_looks_where_the_server_does(told: dict[str, float], looks: float) -> None:
    since = "2026-01-31T12:00:59+00:00"
    data = {"id": "abc", "source": "demo:", "state": "live", "reason": "", "since": since, "fps": 30.0, "age_ms": 8.1}
    info = messages.session_info({**data, "dropped": {"source": 2, "subscriber": 0}, **told})
    assert (info.fps, info.looks, info.dropped) == (30.0, looks, 2)
