"""The tracker's logic, on a stand-in model that finds coloured blobs without error; then nano's own network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.support.fake_model import picture
from tests.support.stream import GREEN, RED, Stream, click_at, ids, only, overlaps
from tracker import (
    Box,
    Prompt,
    Stage,
    Track,
    UnknownObject,
    prompt_keys,
    rle,
)
from tracker.stream.params import DEFAULTS


def test_keyframes_come_at_the_start_until_confirmed_and_at_the_interval() -> None:
    stream = Stream(RED, interval=5)
    steps = stream.watch(13, ("red", 20, 20, 30))
    assert [(step.stage, step.reason) for step in steps if step.stage is Stage.KEYFRAME] == [
        (Stage.KEYFRAME, "start"),
        (Stage.KEYFRAME, "confirm"),
        (Stage.KEYFRAME, "interval"),
        (Stage.KEYFRAME, "interval"),
    ]
    assert [place for place, step in enumerate(steps) if step.stage is Stage.KEYFRAME] == [0, 1, 6, 11]


def test_an_object_keeps_its_id_and_its_mask_follows_it() -> None:
    stream = Stream(RED)
    for frame in range(60):
        track = only(stream.see(("red", 10 + frame, 40, 24)))
        assert track.id == 1
        assert track.age == frame
        assert abs(track.box.x0 - (10 + frame)) <= 2
        assert rle.bounds(track.mask.counts, 128, 128) == (track.box.x0, track.box.y0, track.box.x1, track.box.y1)


def test_each_mask_says_how_it_was_made() -> None:
    stream = Stream(RED, interval=5)
    steps = stream.watch(8, ("red", 20, 20, 30))
    assert [only(step).stage for step in steps] == [step.stage for step in steps]


def test_all_objects_are_refined_in_one_call_on_one_embedding() -> None:
    stream = Stream(RED, GREEN)
    blobs = [("red", 10, 10, 20), ("red", 60, 10, 20), ("green", 10, 60, 20), ("green", 60, 60, 20)]
    steps = stream.watch(3, *blobs)
    assert steps[-1].stage is Stage.REFINE
    assert len(stream.model.prompted) == len(ids(steps[-1])) == 4


def test_a_likely_new_object_is_shown_at_once_as_tentative() -> None:
    stream = Stream(RED)
    first, second = stream.watch(2, ("red", 20, 20, 30))
    assert only(first).tentative
    assert not only(second).tentative


def test_an_unlikely_new_object_is_shown_once_it_is_confirmed() -> None:
    stream = Stream(RED)
    stream.model.scores["red"] = 0.6
    first, second = stream.watch(2, ("red", 20, 20, 30))
    assert not first.tracks
    assert only(second).id == 1


def test_a_flicker_is_never_confirmed_and_soon_forgotten() -> None:
    stream = Stream(RED, interval=3)
    stream.watch(4, ("red", 20, 20, 30))
    step = stream.see(("red", 20, 20, 30), ("red", 80, 80, 20))
    steps = stream.watch(12, ("red", 20, 20, 30))
    assert all(track.tentative for track in step.tracks if track.id != 1)
    assert ids(steps[-1]) == [1]


def test_what_the_detector_no_longer_finds_is_gone_after_two_keyframes() -> None:
    stream = Stream(RED, interval=3)
    stream.watch(4, ("red", 20, 20, 30))
    stream.model.scores["red"] = 0.1  # the follower would hold on to it for ever
    steps = stream.watch(14, ("red", 20, 20, 30))
    missed = [place for place, step in enumerate(steps) if step.stage is Stage.KEYFRAME]
    assert ids(steps[missed[1] - 1]) == [1]
    assert not any(step.tracks for step in steps[missed[1] :])


def test_a_prompt_edit_is_a_keyframe_and_keeps_the_ids_of_prompts_that_stay() -> None:
    stream = Stream(RED, GREEN)
    scene = [("red", 10, 10, 30), ("green", 70, 70, 30), ("blue", 70, 10, 30)]
    red, green = prompt_keys(stream.tracker.prompts)
    before = {track.key: track.id for track in stream.watch(4, *scene)[-1].tracks}
    stream.tracker.set_prompts([Prompt("blue"), Prompt("red", threshold=0.3)])
    step = stream.see(*scene)
    assert (step.stage, step.reason) == (Stage.KEYFRAME, "prompts")
    after = {track.key: track.id for track in step.tracks}
    (blue,) = set(after) - {red}
    assert after[red] == before[red]
    assert blue != green
    assert after[blue] not in before.values()


def test_an_id_that_was_given_out_is_never_given_again() -> None:
    stream = Stream(RED)
    given = []
    for _ in range(5):
        given += ids(stream.watch(2, ("red", 20, 20, 30))[-1])
        stream.tracker.remove(given[-1])
        stream.watch(2)
        stream.tracker.reset()
    assert given == [1, 2, 3, 4, 5]


def test_a_removed_object_is_gone_and_is_not_found_again_while_it_is_there() -> None:
    stream = Stream(RED, interval=3)
    stream.watch(4, ("red", 20, 20, 30), ("red", 80, 80, 30))
    stream.tracker.remove(1)
    for frame in range(12):
        assert ids(stream.see(("red", 20 + frame, 20, 30), ("red", 80, 80, 30))) == [2]
    for refused in (lambda: stream.tracker.remove(1), lambda: stream.tracker.click(16, click_at(35, 35), object_id=1)):
        with pytest.raises(UnknownObject):
            refused()


def test_a_removed_clicked_object_can_be_clicked_again() -> None:
    stream = Stream()
    stream.watch(2, ("blue", 20, 20, 30))
    stream.tracker.remove(stream.tracker.click(1, click_at(30, 30)).object_id)
    assert stream.tracker.click(1, click_at(30, 30)).object_id == 2
    assert ids(stream.see(("blue", 20, 20, 30))) == [2]


def test_a_prompt_is_the_same_by_its_own_id_whatever_it_says() -> None:
    stream = Stream(Prompt("red", id="a"))
    stream.watch(3, ("red", 20, 20, 30))
    stream.tracker.set_prompts([Prompt("white", id="a")])
    assert ids(stream.see(("red", 20, 20, 30))) == [1]


def test_a_threshold_over_an_objects_score_hides_it_and_one_under_it_shows_it_again() -> None:
    stream = Stream(RED)
    stream.watch(3, ("red", 20, 20, 30))
    stream.tracker.set_prompts([Prompt("red", threshold=0.95)])
    assert not stream.see(("red", 20, 20, 30)).tracks
    stream.tracker.set_prompts([RED])
    assert ids(stream.see(("red", 20, 20, 30))) == [1]


def test_the_same_prompt_listed_twice_is_two_prompts() -> None:
    stream = Stream(RED, RED)
    step = stream.watch(3, ("red", 20, 20, 30))[-1]
    assert {track.key for track in step.tracks} == set(prompt_keys(stream.tracker.prompts))


def test_without_prompts_frames_are_looked_at_for_clicks_only() -> None:
    stream = Stream()
    step = stream.see(("red", 20, 20, 30))
    assert step.stage is Stage.REFINE
    assert not step.tracks
    assert not stream.model.asked


@pytest.mark.parametrize("follower", ["auto", "memory"])
def test_a_lost_object_that_returns_in_time_keeps_its_id(follower: Any) -> None:
    stream = Stream(RED, follower=follower)
    stream.watch(12, ("red", 20, 20, 30))
    for step in stream.watch(DEFAULTS.doubt_longest - 5):
        assert not step.tracks
    returned = stream.watch(DEFAULTS.doubt_every, ("red", 70, 60, 30))  # elsewhere: its memory finds it
    assert ids(returned[-1]) == [1]
    assert stream.model.propagated > 0


@pytest.mark.parametrize("follower", ["auto", "pvs", "memory"])
def test_an_object_that_goes_behind_a_screen_is_not_taken_for_the_screen(follower: Any) -> None:
    stream = Stream(RED, interval=30, follower=follower)
    hidden: list[Track] = []
    back: list[Track] = []
    for frame in range(40):
        left = 3 * frame
        step = stream.watch(1, ("red", left, 50, 14), ("green", 44, 30, 40))[0]
        hidden += step.tracks if 44 <= left <= 70 else []
        back += step.tracks if 100 <= left <= 112 else []
    assert not hidden
    assert {track.id for track in back} == {1}


def test_an_object_that_nothing_remembers_is_found_again_near_where_it_went() -> None:
    stream = Stream(RED, follower="pvs", interval=5)
    stream.watch(12, ("red", 20, 20, 30))
    stream.watch(DEFAULTS.keep_alive - 15)
    assert ids(stream.watch(6, ("red", 50, 30, 30))[-1]) == [1]


def test_who_waits_longest_makes_room_for_who_is_there() -> None:
    stream = Stream(RED, max_objects=2, interval=5)
    stream.watch(8, ("red", 10, 10, 20), ("red", 90, 10, 20))
    stream.watch(4, ("red", 90, 10, 20))
    step = stream.watch(12, ("red", 90, 10, 20), ("red", 90, 90, 30))[-1]
    assert len(step.tracks) == 2
    assert not step.prompt_notes


def test_an_object_lost_for_too_long_is_another_one_when_it_returns() -> None:
    stream = Stream(RED)
    stream.watch(12, ("red", 20, 20, 30))
    stream.watch(DEFAULTS.keep_alive + 15)
    step = stream.watch(11, ("red", 20, 20, 30))[-1]
    assert ids(step) == [2]


def test_a_new_picture_size_is_a_keyframe_and_keeps_ids() -> None:
    stream = Stream(RED)
    stream.watch(4, ("red", 32, 32, 32))
    step = stream.see(("red", 160, 80, 120), height=256, width=512)
    assert (step.stage, step.reason) == (Stage.KEYFRAME, "resized")
    track = only(step)
    assert track.id == 1
    assert (track.mask.height, track.mask.width) == (256, 512)
    assert abs(track.box.x0 - 160) <= 8


def test_masks_of_one_prompt_do_not_overlap_while_objects_cross() -> None:
    stream = Stream(RED, interval=3)
    for frame in range(40):
        step = stream.see(("red", 5 + 2 * frame, 40, 26), ("red", 95 - 2 * frame, 50, 26))
        assert not overlaps(step.tracks)
        assert len(step.tracks) <= 2


def test_two_tracks_never_stay_on_one_object() -> None:
    stream = Stream(RED, interval=50)
    stream.watch(4, ("red", 10, 40, 24), ("red", 70, 40, 24))
    for frame in range(30):  # one goes behind the other and stays there
        step = stream.see(("red", min(70, 12 + 2 * frame), 40, 24), ("red", 70, 40, 24))
    assert len(step.tracks) == 1


def test_a_cut_makes_a_keyframe_on_which_nothing_is_followed() -> None:
    stream = Stream(RED)
    stream.watch(5, ("red", 20, 20, 30))
    image = picture(("red", 70, 70, 30))
    image[(image == 0).all(2)] = (90, 90, 90)
    step = stream.look(image)
    assert (step.stage, step.reason) == (Stage.KEYFRAME, "scene")
    assert all(track.stage is Stage.KEYFRAME for track in step.tracks)


def test_what_somebody_clicked_is_there_again_after_a_flash() -> None:
    """No keyframe would find it: it is looked for where it was, and in its memory."""
    stream = Stream()
    stream.see(("red", 40, 40, 30))
    stream.tracker.click(0, click_at(55, 55))
    before = stream.watch(25, ("red", 40, 40, 30))[-1].tracks
    stream.look(np.full_like(picture(), 255))
    after = stream.watch(10, ("red", 40, 40, 30))[-1].tracks
    assert [each.id for each in after] == [each.id for each in before] == [1]


def test_a_doubted_mask_is_not_fed_back_and_memory_is_asked_after_two_bad_steps() -> None:
    stream = Stream(RED)
    stream.watch(3, ("red", 20, 20, 30))
    assert stream.model.prompted[0].logits is not None
    stream.model.iou = 0.5
    stream.see(("red", 20, 20, 30))
    first = stream.model.propagated
    stream.see(("red", 20, 20, 30))
    prompt = stream.model.prompted[0]
    assert prompt.logits is None
    assert prompt.box is not None
    assert abs(prompt.box.x0 - 20) < 3
    assert (first, stream.model.propagated) == (0, 1)


def test_at_a_keyframe_the_detectors_mask_replaces_one_it_agrees_with() -> None:
    stream = Stream(RED, interval=4)
    stream.watch(3, ("red", 20, 20, 30))
    followed = stream.tracker._objects.everyone[0]
    followed.logits = followed.logits.roll(1, 1)
    step = next(step for step in stream.watch(5, ("red", 20, 20, 30)) if step.stage is Stage.KEYFRAME)
    assert only(step).stage is Stage.KEYFRAME
    assert only(step).box == Box(20, 20, 50, 50)
