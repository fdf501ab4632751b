"""Which frames went by lately."""

from __future__ import annotations

import pytest

from streamer.errors import FrameGone
from streamer.live.recent_frames import LENGTH, NEAR, RTP_CLOCK, History
from streamer.result import FrameInfo
from tests.support import results


def info(index: int, **more: float | int | None) -> FrameInfo:
    return FrameInfo.of(results.frame(index, **more))  # type: ignore[arg-type]


def test_a_decoded_frame_is_found_by_its_index_as_long_as_it_is_remembered() -> None:
    history = History()
    for index in range(10 * LENGTH):
        history.decoded(info(index))
        history.looked_at(info(index))
    newest = 10 * LENGTH - 1
    assert history.find(newest - LENGTH + 1).index == newest - LENGTH + 1
    with pytest.raises(FrameGone) as gone:
        history.find(newest - LENGTH)
    assert gone.value.available == (newest - LENGTH + 1, newest)


def test_before_the_first_frame_nothing_is_available() -> None:
    with pytest.raises(FrameGone) as gone:
        History().find(0)
    assert gone.value.available is None


def test_an_rtp_timestamp_finds_the_nearest_frame_over_the_wrap_around() -> None:
    history = History()
    for index in range(10):
        history.decoded(info(index, rtp_timestamp=(2**32 - 5 * 3000 + index * 3000) % 2**32))
    assert history.find(rtp_timestamp=2**32 - 1).index == 5
    assert history.find(rtp_timestamp=1).index == 5
    assert history.find(rtp_timestamp=3000 - 10).index == 6
    far = int(5 * 3000 + NEAR * RTP_CLOCK)
    with pytest.raises(FrameGone) as gone:
        history.find(rtp_timestamp=far)
    assert gone.value.field == "rtp_timestamp"


def test_of_two_connections_with_the_same_timestamps_the_newer_is_meant() -> None:
    history = History()
    for index in range(4):
        history.decoded(info(index, rtp_timestamp=(index % 2) * 3000))
    assert history.find(rtp_timestamp=3000).index == 3


def test_frames_without_rtp_timestamps_are_not_found_by_one() -> None:
    history = History()
    history.decoded(info(0))
    with pytest.raises(FrameGone):
        history.find(rtp_timestamp=0)


def test_a_frame_that_was_dropped_stands_for_the_nearest_that_was_looked_at() -> None:
    history = History()
    for index, looked in ((0, True), (1, False), (2, True), (3, False)):
        history.decoded(info(index, arrived=index * 0.04))
        if looked:
            history.looked_at(info(index, arrived=index * 0.04))
    assert history.seen(history.find(2)) == 2
    assert history.seen(info(3, arrived=0.13)) == 2
    with pytest.raises(FrameGone) as gone:
        history.seen(info(9, arrived=0.08 + NEAR + 0.001))
    assert gone.value.available == (0, 2)
