"""What was asked before a restart is asked again, and no id is given that may have been given before."""

from __future__ import annotations

import pytest

from benchmarks.support.fake_model import picture
from tests.support.stream import RED, Stream
from tracker import Box, Prompt, TrackerError

BLUE_BY_BOX = Prompt(boxes=(Box(20, 20, 60, 60),), labels=(True,))
BEFORE = picture(("blue", 10, 10, 40))
NOW = (("red", 10, 10, 24), ("blue", 80, 80, 24))


def test_a_prompt_is_looked_for_by_a_picture_of_before_wherever_the_thing_is_now() -> None:
    stream = Stream()
    stream.tracker.recall([RED, BLUE_BY_BOX], [(BEFORE, {1: [(0.1, 0.1, 0.4, 0.4)]})])
    assert stream.tracker.prompts == (RED, BLUE_BY_BOX)
    step = stream.watch(3, *NOW)[-1]
    assert {(round(each.box.x0), round(each.box.y0)) for each in step.tracks} == {(10, 10), (80, 80)}
    assert not step.prompt_notes


def test_it_is_found_again_after_it_was_gone() -> None:
    stream = Stream()
    stream.tracker.recall([BLUE_BY_BOX], [(BEFORE, {0: [(0.1, 0.1, 0.4, 0.4)]})])
    stream.watch(3, *NOW)
    assert stream.watch(60, NOW[0])[-1].tracks == []
    (again,) = stream.watch(12, *NOW)[-1].tracks
    assert round(again.box.x0) == 80


def test_boxes_without_a_picture_rest_and_words_beside_them_go_on() -> None:
    stream = Stream()
    stream.tracker.recall([BLUE_BY_BOX, Prompt("red", BLUE_BY_BOX.boxes, (True,))], [])
    step = stream.watch(2, *NOW)[-1]
    assert [each.box.x0 for each in step.tracks] == [10]
    assert set(step.prompt_notes) == {0}


def test_what_makes_no_sense_is_refused_and_changes_nothing() -> None:
    stream = Stream(RED)
    with pytest.raises(TrackerError, match="prompt 0 is empty"):
        stream.tracker.recall([Prompt()], [])
    assert stream.tracker.prompts == (RED,)


def test_ids_go_on_from_where_they_are_told_to_and_never_back() -> None:
    stream = Stream(RED)
    stream.tracker.skip_to(1000)
    (each,) = stream.watch(3, *NOW)[-1].tracks
    assert each.id == 1000
    stream.tracker.skip_to(5)
    assert stream.tracker.next_id == 1001
