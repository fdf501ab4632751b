"""The stages of a look, and orders that come between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from benchmarks.support.fake_model import Picture, picture
from tests.support.models import SEED
from tests.support.stream import GREEN, RED, Stream, click_at, ids
from tracker import (
    Answer,
    Box,
    Detected,
    FrameGone,
    Point,
    Prompt,
    Sam3,
    Snapshot,
    Stage,
    Step,
    Tracker,
    TrackerError,
    prompt_keys,
)
from tracker.model.detector import DETECT_BATCH
from tracker.stream.params import DEFAULTS

MANY = (RED, GREEN, *(Prompt(f"nothing {place}") for place in range(2 * DETECT_BATCH)))  # three passes of the detector
PAUSES = 5  # of a keyframe with MANY prompts: embedded, followed, after the first and the second pass, detected
FOLLOWED = range(1, PAUSES)  # those at which the objects are on the frame at hand


def scene(frame: int = 0) -> Picture:
    return picture(("red", 10 + frame, 20, 24), ("red", 80, 20, 24), ("green", 20, 80, 24), ("blue", 80, 80, 24))


class At:
    """Does something at one of the pauses of a look, and notes what is known at each."""

    def __init__(self, stream: Stream, pause: int, act: Callable[[Tracker], object] = lambda tracker: None) -> None:
        self.stream = stream
        self.pause = pause
        self.act = act
        self.seen: list[Snapshot | None] = []
        self.present: list[int | None] = []

    def __call__(self) -> None:
        if len(self.seen) == self.pause:
            self.act(self.stream.tracker)
        now = self.stream.tracker.present
        self.seen.append(self.stream.tracker.snapshot)
        self.present.append(now and now[0])


def keyframe(stream: Stream, pause: int, act: Callable[[Tracker], object]) -> tuple[Step, At]:
    """A keyframe with something done at one of its pauses, after a few frames of the same scene."""
    for frame in range(4):
        stream.look(scene(frame))
    stream.tracker.set_prompts(stream.tracker.prompts)  # which asks for one
    at = At(stream, pause, act)
    step = stream.look(scene(4), between=at)
    assert step.stage is Stage.KEYFRAME
    assert pause < len(at.seen)
    return step, at


def told(step: Step) -> list[Any]:
    return [(each.id, each.key, each.box, each.mask, each.age, each.stage, each.tentative) for each in step.tracks]


def test_without_orders_pauses_change_nothing() -> None:
    plain, paused = Stream(*MANY, interval=3), Stream(*MANY, interval=3)
    for frame in range(12):
        before, after = plain.look(scene(frame)), paused.look(scene(frame), between=lambda: None)
        assert (before.stage, before.reason, told(before)) == (after.stage, after.reason, told(after))


def test_up_to_the_embedding_the_last_frame_is_the_newest_then_the_one_at_hand() -> None:
    _, at = keyframe(Stream(*MANY), -1, lambda tracker: None)
    assert at.present == [3, 4, 4, 4, 4]
    looked = [snapshot for snapshot in at.seen if snapshot is not None]
    assert [snapshot.index for snapshot in looked] == at.present
    assert [snapshot.stage for snapshot in looked[1:]] == [Stage.REFINE] * 3 + [Stage.KEYFRAME]
    assert all({shown.id for shown in snapshot.objects} == {1, 2, 3} for snapshot in looked)


def test_the_detector_is_asked_in_as_many_passes_as_without_pauses() -> None:
    stream = Stream(*MANY)
    real, asked = stream.model.detect, []

    def detect(embedding: Any, prompts: Any, **options: Any) -> Any:
        asked.append(len(prompts))
        return real(embedding, prompts, **options)

    stream.model.detect = detect  # type: ignore[method-assign]
    keyframe(stream, -1, lambda tracker: None)
    assert asked[-3:] == [DETECT_BATCH, DETECT_BATCH, 2]


@pytest.mark.parametrize("pause", range(PAUSES))
def test_what_is_clicked_between_the_stages_is_shown_by_that_look(pause: int) -> None:
    answers = []
    step, at = keyframe(Stream(*MANY), pause, lambda t: answers.append(t.click(3, click_at(90, 90))))
    assert [answer.object_id for answer in answers] == [4]
    assert ids(step) == [1, 2, 3, 4]
    after = at.seen[pause]
    assert after is not None
    assert 4 in {shown.id for shown in after.objects}
    assert after.index == at.present[pause]


@pytest.mark.parametrize("pause", FOLLOWED)
def test_once_followed_the_frame_at_hand_can_be_clicked(pause: int) -> None:
    """The object meant is the one that is there: nothing was shown of this frame yet."""
    for place, number in ((click_at(90, 30), 2), (click_at(90, 90), 4)):
        answers: list[Answer] = []
        step, _ = keyframe(Stream(*MANY), pause, click(place, answers))
        assert [(answer.object_id, answer.frame_index) for answer in answers] == [(number, 4)]
        assert number in ids(step)


def click(place: list[Point], answers: list[Answer]) -> Callable[[Tracker], object]:
    return lambda tracker: answers.append(tracker.click(4, place))


@pytest.mark.parametrize("pause", range(PAUSES))
def test_what_is_removed_between_the_stages_is_not_shown_by_that_look(pause: int) -> None:
    stream = Stream(*MANY)
    step, at = keyframe(stream, pause, lambda tracker: tracker.remove(2))
    assert ids(step) == [1, 3]
    for snapshot in at.seen[pause:]:
        assert snapshot is not None
        assert {shown.id for shown in snapshot.objects} == {1, 3}
    assert ids(stream.look(scene(5))) == [1, 3]


@pytest.mark.parametrize("pause", range(PAUSES))
def test_a_prompt_that_is_taken_away_finds_nothing_any_more(pause: int) -> None:
    stream = Stream(*MANY)
    step, at = keyframe(stream, pause, lambda tracker: tracker.set_prompts(MANY[1:]))
    assert {each.key for each in step.tracks} == set(prompt_keys([GREEN]))
    for snapshot in at.seen[pause:]:
        assert snapshot is not None
        assert {shown.key for shown in snapshot.objects} == set(prompt_keys([GREEN]))
        assert snapshot.prompts == MANY[1:]
    assert stream.tracker.next_id == 4


@pytest.mark.parametrize("pause", range(3))  # with one prompt there are no more
def test_a_prompt_that_comes_between_the_stages_asks_for_the_next_keyframe(pause: int) -> None:
    stream = Stream(RED, interval=100)
    keyframe(stream, pause, lambda tracker: tracker.set_prompts([RED, GREEN]))
    step = stream.look(scene(5))
    assert (step.stage, step.reason) == (Stage.KEYFRAME, "prompts")
    assert set(prompt_keys([RED, GREEN])) == {each.key for each in step.tracks}


@pytest.mark.parametrize("pause", range(1, PAUSES - 1))  # the prompts are two fewer
def test_an_example_drawn_between_the_stages_is_found_on_the_frame_at_hand(pause: int) -> None:
    drawn = Prompt(boxes=(Box(20, 80, 44, 104),), labels=(True,))
    step, _ = keyframe(Stream(*MANY[2:]), pause, draw(drawn))
    (track,) = step.tracks
    assert track.tentative  # one frame that is detected twice confirms nothing
    assert track.box == Box(20, 80, 44, 104)


def draw(drawn: Prompt) -> Callable[[Tracker], object]:
    return lambda tracker: tracker.set_prompts([*MANY[2:], drawn], index=4)


@pytest.mark.parametrize("pause", range(PAUSES))
@pytest.mark.parametrize(
    ("order", "error"),
    [
        (lambda tracker: tracker.click(3, click_at(60, 60)), TrackerError),
        (lambda tracker: tracker.click(3, click_at(90, 90), object_id=77), TrackerError),
        (lambda tracker: tracker.box(900, Box(1, 1, 9, 9)), FrameGone),
        (lambda tracker: tracker.set_prompts([Prompt(" ")]), TrackerError),
    ],
)
def test_an_order_that_fails_changes_nothing_of_the_look(
    pause: int, order: Callable[[Tracker], object], error: type[Exception]
) -> None:
    def fail(tracker: Tracker) -> None:
        with pytest.raises(error):
            order(tracker)

    plain, failing = Stream(*MANY), Stream(*MANY)
    before, _ = keyframe(plain, -1, lambda tracker: None)
    after, _ = keyframe(failing, pause, fail)
    assert told(before) == told(after)
    assert plain.tracker.orders == failing.tracker.orders
    assert told(plain.look(scene(5))) == told(failing.look(scene(5)))


def test_where_the_detector_says_where_everything_is_a_mask_of_a_users_is_not_asked_for_again() -> None:
    refined, last = [], 1 + DEFAULTS.doubt_gap  # two keyframes make sure of the objects
    for pause in (-1, 1, 2):
        stream = Stream(RED, costs={"detect": 0.001, "refine": 0.1})
        for frame in range(last):
            stream.look(scene(frame))
        stream.model.scores["red"] = 0.1  # so that it finds none of them
        at = At(stream, pause, lambda tracker: tracker.click(last, click_at(90, 30), object_id=2))
        assert stream.look(scene(last), between=at).reason == "cheaper"
        assert [snapshot and snapshot.stage for snapshot in at.seen[1:]] == [Stage.FLOW, Stage.KEYFRAME]
        refined.append(len(stream.model.prompted))
    assert refined == [2, 1, 1]


def test_words_asked_in_several_passes_are_compared_as_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, compared = Stream(*MANY), []

    def settled(prompts: Sequence[Prompt], found: list[Detected]) -> list[Detected]:
        compared.append(len(prompts))
        return found

    monkeypatch.setattr(stream.model, "settled", settled)
    keyframe(stream, 1, lambda tracker: None)
    assert len(MANY) > DETECT_BATCH
    assert len(MANY) in compared


def test_what_a_pause_raises_ends_the_look_and_the_next_one_goes_on() -> None:
    stream = Stream(RED)
    stream.watch(3, ("red", 20, 20, 30))
    for pause in range(3):
        with pytest.raises(RuntimeError):
            stream.look(picture(("red", 20, 20, 30)), between=At(stream, pause, lambda tracker: _fail()))
    assert ids(stream.see(("red", 20, 20, 30))) == [1]


def _fail() -> None:
    raise RuntimeError


def test_nanos_network_takes_orders_between_the_stages() -> None:
    """With random weights its answers mean nothing, but every layer and shape is the real one."""
    prompts = [Prompt(f"red {shape}", threshold=0.0) for shape in ("circle", "square", "ring", "star", "heart")]
    tracker = Tracker(Sam3.untrained(seed=SEED), prompts, interval=2, max_objects=4)
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    done: list[int] = []

    def orders() -> None:
        done.append(len(done))
        if tracker.present is None or len(done) % 3:
            return
        newest = tracker.present[0]
        for each in tracker.snapshot.objects[:2] if tracker.snapshot else ():
            tracker.remove(each.id)
        tracker.look_back(image, newest - 1, (newest - 1) / 30)
        tracker.set_prompts(prompts[:: 1 if len(done) % 2 else -1])

    for index in range(1, 12, 2):
        step = tracker.step(image, index, index / 30, between=orders)
        assert not {track.key for track in step.tracks} - {None, *prompt_keys(tracker.prompts)}
    assert len(done) >= 20
    assert len(tracker._objects) <= 4
