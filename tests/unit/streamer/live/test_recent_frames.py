"""Which frames went by lately."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamer.errors import FrameGone
from streamer.live.recent_frames import LENGTH, NEAR, RecentFrames
from streamer.timeline import CLOCK
from tests.support import results


def test_a_decoded_frame_is_found_by_its_index_as_long_as_it_is_remembered() -> None:
    recent = RecentFrames()
    for index in range(10 * LENGTH):
        recent.decoded(results.frame(index))
        recent.told(index)
    newest = 10 * LENGTH - 1
    assert recent.find(newest - LENGTH + 1).index == newest - LENGTH + 1
    with pytest.raises(FrameGone) as gone:
        recent.find(newest - LENGTH)
    assert gone.value.available == (newest - LENGTH + 1, newest)


def test_before_the_first_frame_nothing_is_available() -> None:
    with pytest.raises(FrameGone) as gone:
        RecentFrames().find(0)
    assert gone.value.available is None


def test_an_rtp_timestamp_finds_the_nearest_frame_over_the_wrap_around() -> None:
    recent = RecentFrames()
    for index in range(10):
        recent.decoded(results.frame(index, rtp_timestamp=(2**32 - 5 * 3000 + index * 3000) % 2**32))
    assert recent.find(rtp_timestamp=2**32 - 1).index == 5
    assert recent.find(rtp_timestamp=1).index == 5
    assert recent.find(rtp_timestamp=3000 - 10).index == 6
    far = int(5 * 3000 + NEAR * CLOCK)
    with pytest.raises(FrameGone) as gone:
        recent.find(rtp_timestamp=far)
    assert gone.value.field == "rtp_timestamp"


def test_of_two_connections_with_the_same_timestamps_the_newer_is_meant() -> None:
    recent = RecentFrames()
    for index in range(4):
        recent.decoded(results.frame(index, rtp_timestamp=(index % 2) * 3000))
    assert recent.find(rtp_timestamp=3000).index == 3


def test_frames_without_rtp_timestamps_are_not_found_by_one() -> None:
    recent = RecentFrames()
    recent.decoded(results.frame(0))
    with pytest.raises(FrameGone):
        recent.find(rtp_timestamp=0)


def test_its_time_is_the_streams_own_however_it_arrived() -> None:
    recent = RecentFrames()
    for index in range(10):
        recent.decoded(results.frame(index, arrived=7.0))
    assert [recent.find(index).seconds for index in range(10)] == [index / 30 for index in range(10)]


def test_the_clock_goes_on_where_timestamps_start_again() -> None:
    recent = RecentFrames()
    recent.decoded(results.frame(300, arrived=1.0))
    again = replace(results.frame(0, arrived=3.0), index=301, epoch=1)
    recent.decoded(again)
    assert recent.find(301).seconds == recent.find(300).seconds + 2.0
