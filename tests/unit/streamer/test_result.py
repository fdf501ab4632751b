"""What became of a frame."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

from streamer.result import FrameInfo
from tests.support import results
from tests.support.results import track
from tracker import Prompt


def test_a_result_keeps_no_picture_alive() -> None:
    frame = results.frame(7, rtp_timestamp=2**32 - 1)
    picture = weakref.ref(frame.rgb())
    info = FrameInfo.of(frame)
    del frame
    gc.collect()
    assert picture() is None
    assert (info.index, info.width, info.height, info.rtp_timestamp) == (7, results.WIDTH, results.HEIGHT, 2**32 - 1)


CUP, PLATE = Prompt("cup"), Prompt("plate")
TRACKS = (track(1, 0), track(2, 1, score=0.6), track(3, None))


def ids(tracks: object) -> list[int]:
    assert isinstance(tracks, tuple)
    return [each.id for each in tracks]


def test_a_result_that_an_order_does_not_touch_is_the_same_one() -> None:
    told = results.result(5, TRACKS, (CUP, PLATE))
    assert told.revised([CUP, PLATE], removed={4}) is told
    failed = results.result(5, error="It broke.", prompts=(CUP, PLATE))
    assert failed.revised([CUP, PLATE], removed={4}) is failed


def test_a_result_from_before_a_removal_loses_that_object_also_where_it_was_moved_ahead() -> None:
    now = results.result(5, TRACKS, (CUP, PLATE))
    assert now.step is not None
    told = replace(now, ahead=now.step.tracks)
    revised = told.revised((CUP, PLATE), removed={1})
    assert revised.step is not None
    assert ids(revised.step.tracks) == ids(revised.ahead) == [2, 3]
    hidden = replace(told, step=replace(now.step, tracks=now.step.tracks[1:])).revised((CUP, PLATE), removed={1})
    assert ids(hidden.ahead) == [2, 3]


def test_a_result_from_before_an_edit_has_the_new_list_and_no_objects_of_what_was_dropped() -> None:
    revised = results.result(5, TRACKS, (CUP, PLATE), notes={0: "rests", 1: "rests too"}).revised([PLATE])
    assert revised.step is not None
    assert revised.prompts == (PLATE,)
    assert ids(revised.step.tracks) == [2, 3]
    assert revised.step.prompt_notes == {0: "rests too"}


def test_a_raised_threshold_takes_what_is_under_it_and_one_at_its_edge_stays() -> None:
    stricter = replace(PLATE, threshold=0.7)
    revised = results.result(5, TRACKS, (CUP, PLATE)).revised([CUP, stricter])
    assert revised.step is not None
    assert ids(revised.step.tracks) == [1, 3]
    at_edge = results.result(5, TRACKS, (CUP, PLATE)).revised([CUP, replace(PLATE, threshold=0.6)])
    assert at_edge.step is not None
    assert ids(at_edge.step.tracks) == [1, 2, 3]


def test_the_error_of_a_frame_only_takes_the_new_list() -> None:
    revised = results.result(5, error="It broke.", prompts=(CUP,)).revised([PLATE], removed={1})
    assert (revised.error, revised.step, revised.prompts) == ("It broke.", None, (PLATE,))
