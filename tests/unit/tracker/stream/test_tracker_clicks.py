"""What people point at: clicks, boxes and example boxes on frames of the recent past, through the whole tracker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.stream import RED, Stream, click_at, ids, only
from tracker import (
    Box,
    FrameGone,
    Prompt,
    Stage,
    Tracker,
    TrackerError,
    UnknownObject,
)
from tracker.stream.clickable_frames import RECENT


def test_a_click_on_nothing_known_makes_an_object_that_is_followed() -> None:
    stream = Stream(RED)
    stream.watch(3, ("blue", 20, 20, 30))
    answer = stream.tracker.click(2, click_at(30, 30))
    assert (answer.object_id, answer.frame_index) == (1, 2)
    assert answer.score == pytest.approx(0.95)
    for frame in range(40):
        track = only(stream.see(("blue", 20 + frame, 20, 30)))
    assert (track.id, track.key, track.tentative) == (1, None, False)
    assert abs(track.box.x0 - 59) <= 2


def test_a_click_on_a_past_frame_is_carried_to_the_present() -> None:
    stream = Stream()
    for frame in range(45):
        stream.see(("blue", 10 + 2 * frame, 40, 20))
    answer = stream.tracker.click(16, click_at(10 + 32 + 10, 50))
    assert abs(answer.frame_index - 16) <= 3
    track = only(stream.see(("blue", 10 + 2 * 45, 40, 20)))
    assert abs(track.box.x0 - 100) <= 4


def test_a_click_on_an_object_refines_it_and_points_on_one_frame_add_up() -> None:
    stream = Stream(RED)
    stream.watch(3, ("red", 20, 20, 30))
    first = stream.tracker.click(2, click_at(30, 30))
    second = stream.tracker.click(2, click_at(60, 60, positive=False), object_id=1)
    assert first.object_id == second.object_id == 1
    assert [point.positive for point in stream.model.prompted[0].points] == [True, False]
    assert stream.model.prompted[0].logits is not None
    stream.see(("red", 20, 20, 30))
    stream.tracker.click(3, click_at(31, 31), object_id=1)
    assert len(stream.model.prompted[0].points) == 1  # another frame, another drawing


def test_after_a_correction_memory_holds_nothing_of_before() -> None:
    stream = Stream(RED)
    stream.watch(30, ("red", 20, 20, 30))
    stream.tracker.click(29, click_at(30, 30))
    stream.watch(5, ("red", 20, 20, 30))
    (each,) = stream.tracker._objects
    assert each.memory.bank.recent  # it is followed by memory
    stream.tracker.click(34, click_at(45, 45, positive=False), object_id=1)
    assert [memory.tick for memory in each.memory.bank.conditioning] == [each.told.tick]
    assert not each.memory.bank.recent


def test_a_correction_that_would_leave_nothing_of_an_object_leaves_it_as_it_was() -> None:
    stream = Stream()
    stream.watch(3, ("blue", 20, 20, 30))
    stream.tracker.click(2, click_at(30, 30))
    before = only(stream.see(("blue", 20, 20, 30)))
    with pytest.raises(TrackerError, match="nothing would be left of object 1; it stays as it was"):
        stream.tracker.click(3, click_at(100, 100), object_id=1)
    after = only(stream.see(("blue", 20, 20, 30)))
    assert after.id == 1 and after.mask == before.mask


def test_a_users_mask_is_not_overruled_by_the_detector() -> None:
    stream = Stream(RED, interval=3)
    stream.watch(4, ("red", 20, 20, 30))
    stream.tracker.click(3, click_at(30, 30), object_id=1)
    steps = stream.watch(5, ("red", 20, 20, 30))
    keyframe = next(step for step in steps if step.stage is Stage.KEYFRAME)
    assert only(keyframe).stage is Stage.KEYFRAME
    assert stream.tracker._objects.everyone[0].told.chosen


def test_a_box_makes_an_object() -> None:
    stream = Stream()
    stream.watch(2, ("blue", 20, 20, 30), ("green", 80, 80, 30))
    answer = stream.tracker.box(1, Box(75, 75, 115, 115))
    track = only(stream.see(("blue", 20, 20, 30), ("green", 80, 80, 30)))
    assert (track.id, track.key) == (answer.object_id, None)
    assert track.box == Box(80, 80, 110, 110)


@pytest.mark.parametrize(
    ("act", "error", "says"),
    [
        (lambda t: t.click(3, click_at(5, 5)), TrackerError, "no object there"),
        (lambda t: t.click(3, []), TrackerError, "no points"),
        (lambda t: t.click(3, click_at(129, 5)), TrackerError, "0..x: 129 is outside the picture of 128×128"),
        (lambda t: t.click(3, click_at(30, 30, positive=False)), TrackerError, "needs a point that belongs to it"),
        (lambda t: t.click(3, click_at(30, 30), object_id=9), UnknownObject, "no object 9"),
        (lambda t: t.remove(9), UnknownObject, "no object 9"),
        (lambda t: t.box(3, Box(30, 30, 30, 50)), TrackerError, "box: it is less than a pixel"),
        (lambda t: t.box(3, Box(30, 30, 300, 50)), TrackerError, "box.x1: 300 is outside the picture"),
        (
            lambda t: t.set_prompts([Prompt("a"), Prompt(boxes=(Box(1, 1, 9, 9), Box(1, 1, 9, 129)))], index=3),
            TrackerError,
            r"prompts\[1\].boxes\[1\].y1: 129 is outside",
        ),
        (lambda t: t.click(90, click_at(30, 30)), FrameGone, "frames 0 to 3 can be clicked"),
        (lambda t: t.set_prompts([Prompt("  ")]), TrackerError, "prompt 0 is empty"),
        (lambda t: t.set_prompts([Prompt("a", threshold=1.5)]), TrackerError, "outside 0 to 1"),
        (lambda t: t.set_prompts([Prompt(boxes=(Box(1, 1, 9, 9),), labels=(True, True))]), TrackerError, "2 labels"),
        (lambda t: t.set_prompts([Prompt(boxes=(Box(1, 1, 9, 9),))], index=90), FrameGone, "frame 90 is gone"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    act: Callable[[Tracker], object], error: type[Exception], says: str
) -> None:
    stream = Stream()
    stream.watch(4, ("blue", 20, 20, 30))
    with pytest.raises(error, match=says):
        act(stream.tracker)
    assert not stream.see(("blue", 20, 20, 30)).tracks
    assert stream.tracker.prompts == ()


def test_before_the_first_frame_nothing_can_be_clicked() -> None:
    with pytest.raises(FrameGone) as gone:
        Stream().tracker.click(0, click_at(1, 1))
    assert gone.value.available is None


def test_a_gone_frame_tells_which_are_there() -> None:
    stream = Stream()
    stream.watch(400, ("blue", 20, 20, 30))
    with pytest.raises(FrameGone) as gone:
        stream.tracker.click(5, click_at(30, 30))
    oldest, newest = gone.value.available or (0, 0)
    assert newest == 399
    assert 399 - RECENT * 4 - 4 <= oldest < 399


def test_an_exemplar_box_finds_its_like_and_lives_on_by_its_best_object() -> None:
    stream = Stream()
    scene = [("green", 20, 20, 24), ("green", 80, 80, 24), ("red", 80, 20, 24)]
    stream.watch(8, *scene)
    stream.tracker.set_prompts([Prompt(boxes=(Box(20, 20, 44, 44),), labels=(True,))], index=4)
    steps = stream.watch(12, *scene)
    assert ids(steps[-1]) == [1, 2]
    keyframe = [step for step in steps if step.stage is Stage.KEYFRAME][-1]
    assert not keyframe.prompt_notes
    moved = [("green", 30, 30, 24), ("red", 80, 20, 24)]
    stream.watch(12, *moved)
    assert stream.model.asked[0].boxes == (Box(30, 30, 54, 54),)


def test_an_exemplar_with_no_object_alive_rests_and_says_so() -> None:
    stream = Stream(Prompt(boxes=(Box(20, 20, 44, 44),), labels=(True,)), RED)
    scene = [("green", 20, 20, 24), ("red", 80, 20, 24)]
    assert len(stream.watch(4, *scene)[-1].tracks) == 2
    steps = stream.watch(15, ("red", 80, 20, 24))
    assert "rests" in steps[-1].prompt_notes[0]
    assert [prompt.text for prompt in stream.model.asked] == ["red"]
    assert len(steps[-1].tracks) == 1


def test_an_exemplar_with_words_goes_on_by_its_words() -> None:
    stream = Stream(Prompt("red", boxes=(Box(80, 20, 104, 44),), labels=(True,)))
    stream.watch(4, ("red", 80, 20, 24))
    step = stream.watch(12)[-1]
    assert not step.prompt_notes
    assert stream.model.asked == [Prompt("red")]
