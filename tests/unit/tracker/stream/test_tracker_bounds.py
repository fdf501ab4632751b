"""What a tracker holds, and that it does not grow: bounds, resetting, closing, hundreds of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.support.models import SEED
from tests.support.stream import FRAME, RED, Stream, click_at, ids
from tracker import (
    Box,
    Embedding,
    Prompt,
    Sam3,
    Tracker,
    TrackerError,
)
from tracker.model.bank import CONDITIONING, POINTERS
from tracker.stream.clickable_frames import RECENT
from tracker.stream.params import DEFAULTS


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
def test_nothing_grows_over_hundreds_of_frames(follower: Any) -> None:
    """What frames leave behind for good is twice as much in the second half; what is bounded is full in the first."""
    stream = Stream(RED, Prompt("white"), follower=follower, interval=5)
    random = np.random.default_rng(1)
    high: list[Sequence[int]] = []
    for frame in range(400):
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
    early, late = np.max(high[:200], axis=0), np.max(high[200:], axis=0)
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
    return Sam3.untrained(seed=SEED)


@pytest.mark.parametrize("follower", ["auto", "memory"])
def test_nanos_network_goes_through_every_path(untrained: Sam3, follower: Any) -> None:
    """With random weights its answers mean nothing, but every layer, shape and bound is the real one."""
    tracker = Tracker(untrained, [Prompt("red circle", threshold=0.0)], interval=4, follower=follower, max_objects=4)
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    for index in range(12):
        step = tracker.step(image, index, index * FRAME)
        assert set(step.timings) - {"detect", "memorize", "lead"} == {
            *("compare", "embed", "refine", "settle", "encode", "appearance", "keep"),
        }
        if index == 5:
            tracker.remove(step.tracks[0].id)  # the click needs room
            tracker.click(5, click_at(60, 50))
        for track in step.tracks:
            assert (track.mask.height, track.mask.width) == (96, 128)
            assert track.mask.area > 0
    assert len(tracker._objects) <= 4
