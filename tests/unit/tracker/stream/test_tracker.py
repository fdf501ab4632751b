"""The tracker's logic, on a stand-in model that finds coloured blobs without error; then nano's own network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import pytest

from benchmarks.support.fake_model import FakeModel, Picture, picture
from tracker import (
    Box,
    Embedding,
    FrameGone,
    Point,
    Prompt,
    Sam3,
    Stage,
    Step,
    Track,
    Tracker,
    TrackerError,
    UnknownObject,
    rle,
)
from tracker.model.bank import CONDITIONING, POINTERS
from tracker.stream.clickable_frames import RECENT
from tracker.stream.params import DEFAULTS

RED = Prompt("red")
GREEN = Prompt("green")
FRAME = 1 / 30  # seconds


class Stream:
    """A tracker and the frames given to it so far."""

    def __init__(self, *prompts: Prompt, **options: Any) -> None:
        self.model = FakeModel()
        self.tracker = Tracker(cast(Sam3, self.model), prompts, **options)
        self.index = -1

    def see(self, *blobs: tuple[str, int, int, int], **size: int) -> Step:
        return self.look(picture(*blobs, **size))

    def look(self, image: Picture) -> Step:
        self.index += 1
        return self.tracker.step(image, self.index, self.index * FRAME)

    def watch(self, frames: int, *blobs: tuple[str, int, int, int]) -> list[Step]:
        return [self.see(*blobs) for _ in range(frames)]


def ids(step: Step) -> list[int]:
    return sorted(track.id for track in step.tracks)


def only(step: Step) -> Track:
    assert len(step.tracks) == 1, step.tracks
    return step.tracks[0]


def overlaps(tracks: Iterable[Track]) -> bool:
    return bool((np.sum([track.mask.dense() for track in tracks], axis=0) > 1).any())


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
    before = {track.prompt: track.id for track in stream.watch(4, *scene)[-1].tracks}
    stream.tracker.set_prompts([Prompt("blue"), Prompt("red", threshold=0.3)])
    step = stream.see(*scene)
    assert (step.stage, step.reason) == (Stage.KEYFRAME, "prompts")
    after = {track.prompt: track.id for track in step.tracks}
    assert after[1] == before[0]
    assert after[0] not in before.values()
    assert set(after) == {0, 1}


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
    assert sorted(track.prompt for track in step.tracks if track.prompt is not None) == [0, 1]


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


def click_at(x: float, y: float, *, positive: bool = True) -> list[Point]:
    return [Point(x, y, positive)]


def test_a_click_on_nothing_known_makes_an_object_that_is_followed() -> None:
    stream = Stream(RED)
    stream.watch(3, ("blue", 20, 20, 30))
    answer = stream.tracker.click(2, click_at(30, 30))
    assert (answer.object_id, answer.frame_index) == (1, 2)
    assert answer.score == pytest.approx(0.95)
    for frame in range(40):
        track = only(stream.see(("blue", 20 + frame, 20, 30)))
    assert (track.id, track.prompt, track.tentative) == (1, None, False)
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
    assert (track.id, track.prompt) == (answer.object_id, None)
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


def test_no_more_objects_than_allowed_are_followed_and_it_is_said() -> None:
    stream = Stream(RED, max_objects=3)
    scene = [("red", 10 + 40 * (place % 3), 10 + 40 * (place // 3), 16) for place in range(5)]
    steps = stream.watch(4, *scene)
    assert len(steps[-1].tracks) == 3
    assert "2 more were found" in steps[0].prompt_notes[0]
    with pytest.raises(TrackerError, match="3 objects are followed already"):
        stream.tracker.box(3, Box(40, 40, 80, 80))


def test_reset_drops_objects_and_keeps_prompts_and_the_highest_id() -> None:
    stream = Stream(RED)
    stream.watch(3, ("red", 20, 20, 30))
    stream.tracker.reset()
    step = stream.see(("red", 20, 20, 30))
    assert step.reason == "start"
    assert ids(step) == [2]


def present(stream: Stream) -> tuple[int, Embedding]:
    found = stream.tracker.present
    assert found is not None
    return found


def test_the_present_is_the_newest_frame_with_all_its_features() -> None:
    """Concepts can be asked for on it, which those kept for clicks do not allow."""
    stream = Stream(RED)
    for index in (0, 1, 2, 40, 41):  # many more than are kept for clicks, and some that were never looked at
        stream.index = index - 1
        stream.see(("red", 20, 20, 30), width=128 + index)
        newest, embedding = present(stream)
        assert (newest, embedding.width) == (index, 128 + index)
        assert embedding.trunk is not None


def test_without_a_frame_there_is_no_present() -> None:
    stream = Stream(RED)
    assert [stream.tracker.present, stream.see(("red", 20, 20, 30)).reason] == [None, "start"]
    stream.tracker.reset()
    assert stream.tracker.present is None


def test_what_was_the_present_stays_what_it_was() -> None:
    """Who asks it keeps it for a while; the stream goes on."""
    stream = Stream(RED)
    stream.see(("red", 20, 20, 30))
    _, embedding = present(stream)
    stream.watch(20, ("green", 60, 60, 20))
    stream.tracker.close()
    (found,) = stream.model.detect(embedding, [RED])
    assert len(found) == 1


def test_a_closed_tracker_holds_nothing() -> None:
    stream = Stream(RED)
    stream.watch(3, ("red", 20, 20, 30))
    stream.tracker.close()
    assert stream.tracker.present is None
    assert sizes(stream.tracker) == [0, 0, 0, 0, 0]


def sizes(tracker: Tracker) -> list[int]:
    """How much a tracker holds of everything that could grow."""
    banks = [each.memory.bank for each in tracker._objects]
    return [
        len(tracker._objects),
        len(tracker._clickable),
        tracker._clickable.nbytes,
        sum(len(bank.conditioning) + len(bank.recent) for bank in banks),
        sum(bank.nbytes for bank in banks),
    ]


@pytest.mark.parametrize("follower", ["auto", "memory"])
def test_nothing_grows_over_a_thousand_frames(follower: Any) -> None:
    stream = Stream(RED, Prompt("white"), follower=follower, interval=5)
    random = np.random.default_rng(1)
    high: list[Sequence[int]] = []
    for frame in range(1000):
        blobs = [("red", int(10 + 80 * abs(np.sin(frame / 40))), 20, 24), ("green", 90, 90, 24)]
        if frame % 200 < 120:
            blobs.append(("red", 60, int(60 + 20 * np.sin(frame / 25)), 20))
        if random.random() < 0.1:  # flickers
            blobs.append(("white", int(random.integers(0, 100)), 100, 8))
        stream.see(*blobs)
        if frame % 100 == 50:
            stream.tracker.click(frame, click_at(100, 100))
            stream.tracker.set_prompts([RED, Prompt("white", threshold=0.4)])
        high.append(sizes(stream.tracker))
    early, late = np.max(high[100:500], axis=0), np.max(high[600:], axis=0)
    assert (late <= early * 1.3 + 2).all(), (early, late)
    assert late[0] <= 10
    assert late[1] <= RECENT
    assert late[3] <= late[0] * (CONDITIONING + POINTERS)


def test_objects_in_doubt_are_looked_up_a_few_at_a_time() -> None:
    stream = Stream(RED, interval=30)
    scene = [("red", 5 + 30 * (place % 4), 5 + 30 * (place // 4), 16) for place in range(8)]
    stream.watch(60, *scene)  # long enough for all to have memories
    asked: list[int] = []
    real = stream.model.propagate

    def counted(embedding: Any, banks: Any, tick: int) -> Any:
        asked.append(len(banks))
        return real(embedding, banks, tick)

    stream.model.propagate = counted  # type: ignore[method-assign]
    stream.watch(3)
    assert asked
    assert max(asked) <= DEFAULTS.doubt_batch


@pytest.fixture(scope="module")
def untrained() -> Sam3:
    return Sam3.untrained()


@pytest.mark.parametrize("follower", ["auto", "memory"])
def test_nanos_network_goes_through_every_path(untrained: Sam3, follower: Any) -> None:
    """With random weights its answers mean nothing, but every layer, shape and bound is the real one."""
    tracker = Tracker(untrained, [Prompt("red circle", threshold=0.0)], interval=4, follower=follower, max_objects=4)
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    for index in range(12):
        step = tracker.step(image, index, index * FRAME)
        assert set(step.timings) - {"detect", "memorize"} == {
            *("compare", "embed", "refine", "settle", "encode", "appearance", "keep"),
        }
        if index == 5:
            tracker.click(5, click_at(60, 50))
        for track in step.tracks:
            assert (track.mask.height, track.mask.width) == (96, 128)
            assert track.mask.area > 0
    assert len(tracker._objects) <= 4
