"""The frames that can be clicked: their bounds, and which frame a click is answered on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tracker import Box, Embedding, FrameGone, Mask, Stage, Track
from tracker.stream.clickable_frames import RECENT, TIMES, WINDOW, ClickableFrame, ClickableFrames
from tracker.types import Part

SIZE = 1000  # bytes of a frame: half an embedding's, half a grey picture's


def kept(index: int, seconds: float) -> ClickableFrame:
    features = torch.zeros(SIZE // 4)
    grey = np.zeros((10, SIZE // 20), np.uint8)
    return ClickableFrame(
        index, seconds, Embedding(10, 10, None, (features[: SIZE // 8], torch.empty(0), torch.empty(0))), (), grey
    )


def filled(frames: int, fps: float = 30, step: int = 1, max_bytes: int = 10**9) -> ClickableFrames:
    clickable = ClickableFrames(max_bytes)
    for index in range(0, frames, step):
        clickable.add(kept(index, index / fps))
    return clickable


def indices(clickable: ClickableFrames) -> list[int]:
    return [each.index for each in clickable._frames]


def test_they_keep_eight_frames_a_second_and_always_the_newest() -> None:
    clickable = filled(61)
    assert indices(clickable)[-1] == 60
    gaps = np.diff([each.seconds for each in clickable._frames])
    assert (gaps[:-1] > WINDOW).all()
    assert 13 <= len(clickable) <= 17
    assert all(filled(frames).newest.index == frames - 1 for frames in range(1, 20))  # type: ignore[union-attr]


def test_a_slow_stream_keeps_every_frame() -> None:
    assert indices(filled(10, fps=3)) == list(range(10))


def test_they_are_bounded_by_bytes_by_count_and_by_known_times() -> None:
    clickable = filled(TIMES + 100, fps=5)
    assert len(clickable) == RECENT
    assert len(clickable._times) == TIMES
    small = filled(100, fps=5, max_bytes=6 * SIZE)
    assert small.nbytes == 6 * SIZE
    assert small.newest is not None
    assert small.newest.index == 99


def test_one_frame_too_large_for_the_bound_is_kept_alone() -> None:
    assert len(filled(50, fps=5, max_bytes=SIZE // 2)) == 1


def test_every_recent_frame_is_answered_within_the_window() -> None:
    clickable = filled(61)
    for index in range(30, 60):
        assert abs(clickable.nearest(index).seconds - index / 30) <= WINDOW, index


@pytest.mark.parametrize("fps", [7, 8.5, 9, 9.9, 10, 11, 15, 24, 25, 29.97, 30, 50, 60])
def test_whatever_the_rate_every_recent_frame_that_was_looked_at_is_answered(fps: float) -> None:
    clickable = filled(40, fps=fps)
    times = [each.seconds for each in clickable._frames]
    for index in range(40):
        assert min(abs(index / fps - seconds) for seconds in times) <= WINDOW
        clickable.nearest(index)


def test_a_frame_that_was_never_looked_at_is_placed_between_its_neighbours() -> None:
    clickable = filled(300, step=3)  # every third frame was looked at
    assert abs(clickable.nearest(250).index - 250) <= 3


def test_where_its_time_is_known_nothing_is_estimated_from_its_neighbours() -> None:
    clickable = ClickableFrames()
    for index, seconds in ((0, 0.0), (10, 1.0), (20, 2.0)):
        clickable.add(kept(index, seconds))
    assert clickable.nearest(15, seconds=1.05).index == 10
    assert clickable.nearest(5, seconds=0.95).index == 10
    with pytest.raises(FrameGone, match="frame 11 is not known on any frame that was looked at: point at it again"):
        clickable.nearest(11, seconds=1.2)


def test_a_frame_too_far_away_is_gone_and_the_rest_is_told() -> None:
    clickable = filled(3000)
    for index in (5, 3100):
        with pytest.raises(FrameGone) as gone:
            clickable.nearest(index)
        assert gone.value.available == (indices(clickable)[0], 2999)


def test_a_frame_that_is_kept_is_itself_the_answer_however_slow_the_stream() -> None:
    assert filled(5, fps=0.1).nearest(2).index == 2
    with pytest.raises(FrameGone):
        ClickableFrames().nearest(0)


def test_the_way_to_the_present_ends_there_and_has_few_steps() -> None:
    clickable = filled(300)
    first = clickable._frames[0]
    for most in (1, 2, 5, 12, 100):
        way = [each.index for each in clickable.after(first, most)]
        assert way == sorted(set(way))
        assert way[-1] == 299
        assert len(way) <= most
    assert clickable.after(clickable._frames[-1], 5) == []


def test_what_is_shown_on_the_newest_is_known_once_it_was_looked_at() -> None:
    clickable = filled(3, fps=5)
    unfinished = kept(3, 0.6)
    clickable.add(ClickableFrame(3, 0.6, unfinished.embedding, None))
    assert clickable.nearest(3).tracks is None
    clickable.show(())
    assert [clickable.nearest(index).tracks for index in range(4)] == [()] * 4
    assert indices(clickable) == [0, 1, 2, 3]


def test_cleared_they_are_empty() -> None:
    clickable = filled(30)
    clickable.clear()
    assert (len(clickable), clickable.nbytes, clickable.newest) == (0, 0, None)


def test_a_frame_of_the_past_takes_its_place_in_time_and_the_oldest_others_go() -> None:
    clickable = filled(20, fps=5, step=2, max_bytes=10 * SIZE)
    for index in (5, 1):
        late = kept(index, index / 5)
        clickable.insert(late)
        assert clickable.nearest_first(index, index / 5)[0] is late
    assert indices(clickable) == [1, 4, 5, 6, 8, 10, 12, 14, 16, 18]
    clickable.add(kept(20, 4.0))
    assert 1 not in indices(clickable)
    tight = filled(3, fps=5, max_bytes=SIZE // 2)
    tight.insert(kept(1, 0.2))
    assert indices(tight) == [1, 2]


def test_they_come_by_their_distance_and_the_very_frame_first() -> None:
    clickable = filled(5, fps=5)
    assert [each.index for each in clickable.nearest_first(1, 0.75)] == [1, 4, 3, 2, 0]
    assert [each.index for each in clickable.nearest_first(9, 0.05)] == [0, 1, 2, 3, 4]


def test_masks_of_one_frame_at_most_wait_to_be_packed() -> None:
    """Kept frames hold run lengths, not pictures."""
    clickable = ClickableFrames()
    masks = [Mask(8, 8, Part(np.ones((2, 2), bool), 0, 0)) for _ in range(3)]
    for index, mask in enumerate(masks):
        clickable.add(kept(index, index / 5))
        clickable.show([Track(1, None, 0.9, Box(0, 0, 2, 2), mask, 0, Stage.REFINE)])
    assert [isinstance(mask.held, Part) for mask in masks] == [False, False, True]
