"""benchmarks.latency: numbers that survive compression, and how it counts."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks import latency
from benchmarks.latency import Stage, cases
from benchmarks.latency_camera import number_at
from benchmarks.latency_figures import AIM, COLUMNS, FPS, Case, Figures, Trace, bars, figures, report, spans
from benchmarks.latency_server import Notes
from benchmarks.numbered import LAST, number_of, strip
from streamer.frame import Frame
from streamer.result import Result
from tests.support import results

QUIET, BAD = Case("webrtc", "480p"), Case("webrtc", "480p", 5.0, 40.0, relayed=True)


def luma(number: int, width: int = 640, height: int = 480) -> np.ndarray[Any, np.dtype[np.uint8]]:
    picture = np.full((height, width), 90, np.uint8)
    top = np.frombuffer(strip(number, width, height), np.uint8)
    picture.reshape(-1)[: len(top)] = top
    return picture


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (1920, 1080), (320, 240)])
def test_every_number_can_be_read_back(size: tuple[int, int]) -> None:
    for number in (0, 1, 2, 1365, 2730, LAST):
        assert number_of(luma(number, *size)) == number


def test_a_picture_without_a_number_or_with_a_broken_one_says_none() -> None:
    assert number_of(np.full((480, 640), 90, np.uint8)) is None
    mixed = np.where(np.arange(640) < 320, luma(0b101010101010), luma(0b010101010111)).astype(np.uint8)
    assert number_of(mixed) is None  # the halves of two pictures: the count of black bars is odd


def test_a_film_shows_its_numbers_through_its_compression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "SCENES", 8)
    with av.open(str(Stage(tmp_path).film("480p", 0.7))) as container:
        pictures = [picture.to_ndarray(format="gray") for picture in container.decode(video=0)]
    assert [number_of(picture) for picture in pictures] == list(range(21))


def frame(index: int, number: int | None, arrived: float, **rest: Any) -> dict[str, Any]:
    timings = {"convert": 0.002, "embed": 0.020, "detect": 0.010, "encode": 0.003}
    note = {"index": index, "number": number, "complete": arrived - 0.001, "arrived": arrived, "timings": timings}
    return {**note, "began": arrived + 0.010, "made": arrived + 0.050, "written": arrived + 0.051, **rest}


def test_the_stages_of_a_frame_add_up_to_the_whole_way() -> None:
    found = spans(frame(0, 0, 10.020), drawn=10.0, sent=10.008, received=10.075)
    assert tuple(found) == COLUMNS
    assert sum(found.values()) == pytest.approx(75)
    assert found["encode"] == pytest.approx(8)
    assert found["network"] == pytest.approx(11)
    assert found["decode"] == pytest.approx(1)
    assert found["wait"] == pytest.approx(10)
    assert [found["masks"], found["refine"]] == pytest.approx([3, 0])
    assert found["other"] == pytest.approx(40 - 35)
    assert found["delivery"] == pytest.approx(4)


def test_the_stages_of_a_presented_frame_add_up_too() -> None:
    began, done = 10.022, 10.030
    note = frame(0, 0, 10.020, began=began, made=done, written=10.033, timings={"present": 0.008})
    found = spans(note, drawn=10.0, sent=10.008, received=10.034)
    assert sum(found.values()) == pytest.approx(34)
    assert [found[name] for name in ("wait", "present", "publish", "delivery")] == pytest.approx([2, 8, 3, 1])
    assert [found[name] for name in ("convert", "embed", "detect", "refine", "masks", "other")] == pytest.approx(
        [0] * 6
    )


def test_a_frame_whose_packets_nobody_saw_has_its_decoding_counted_as_network() -> None:
    found = spans(frame(0, 0, 10.020, complete=None), drawn=10.0, sent=10.008, received=10.075)
    assert [found["network"], found["decode"]] == pytest.approx([12, 0])


def watched() -> Trace:
    """Ten seconds at 30 fps, of which every second picture has a result; but for two seconds nothing comes."""
    trace = Trace(window=(100.0, 110.0))
    for number in range(330):
        trace.pictures[number] = (99.5 + number / 30, 99.505 + number / 30)
        away = 104 < 99.5 + number / 30 < 106
        if number % 2 == 0 and not away:
            trace.frames.append(frame(number, number, 99.52 + number / 30))
            trace.received[number] = 99.6 + number / 30
            trace.looks[number] = 80.0 + number % 3
    return trace


def test_what_lies_in_the_window_is_counted() -> None:
    trace = watched()
    trace.frames[50]["number"] = None
    trace.keyframes += [99.0, 104.5, 111.0]
    found = figures(BAD, trace)
    assert found.sent == pytest.approx(270, abs=1)  # of the last second none: their results may be on their way
    assert found.told == pytest.approx((270 / 2 - 60 / 2) / 270, abs=0.01)
    assert found.broken == 1
    assert found.keyframes == 1
    assert found.stalls == 1
    assert found.longest == pytest.approx(2067, abs=70)
    assert found.decoded == pytest.approx(1, abs=0.01)
    assert found.percentiles == pytest.approx([100, 100, 100])
    assert sorted(set(found.looks)) == [80, 81, 82]
    assert sum(found.stages.values()) == pytest.approx(100)


def test_nothing_at_all_is_a_stall_and_no_division_by_zero() -> None:
    found = figures(QUIET, Trace(window=(100.0, 110.0)))
    assert [found.stalls, found.longest, found.told, found.decoded] == pytest.approx([1, 10_000, 0, 0])
    assert "no results" in report([found, Figures(BAD)])


def test_a_films_pictures_begin_when_its_clock_makes_them_due() -> None:
    trace = Trace(window=(0.0, 100.0))
    for number, late in ((0, 0.030), (1, 0.0), (4, 0.010)):
        trace.frames.append(frame(number, number, 50 + number / FPS + late))
    trace.play()
    assert trace.pictures[0] == (50.0, 50.0)
    assert trace.pictures[4][0] == pytest.approx(50 + 4 / FPS)


def test_half_a_line_at_the_end_is_left_out() -> None:
    whole = json.dumps({"number": 3, "drawn": 1.0, "sent": 1.1}) + "\n"
    trace = Trace()
    trace.read_camera([whole, '{"keyframe": 1.5}\n', '{"number": 4, "dra'])
    assert trace.pictures == {3: (1.0, 1.1)}
    assert trace.keyframes == [1.5]


def test_the_tables_have_a_line_for_each_case_and_all_columns_in_each() -> None:
    found = [figures(case, watched()) for case in cases(["webrtc", "rtsp"], ["480p", "720p"], [0, 5], [40])]
    whole, stages, faults = report(found).split("\n\n")
    for part, lines in ((whole, 4), (stages, 4), (faults, 2)):
        rows = part.splitlines()
        assert len(rows) == 2 + lines
        assert len({row.count("|") for row in rows}) == 1
    assert faults.splitlines()[-1].startswith("| 5 % | 40 ms | 100 | 100 | 100 |")
    assert json.loads(json.dumps(found[0].data()))["percentiles"] == pytest.approx([100, 100, 100])


def test_results_are_counted_among_the_pictures_that_were_sent() -> None:
    found = figures(QUIET, watched())
    assert found.row()[-2:] == ["81", f"{round(found.told * found.sent)} of {found.sent}"]
    assert len(found.latencies) > round(found.told * found.sent)  # those of the last second are not among them


def test_the_bar_is_for_webrtc_at_480p_without_a_bad_network() -> None:
    def at(case: Case, milliseconds: float) -> Figures:
        return Figures(case, latencies=[milliseconds] * 10)

    assert [enough for *_, enough in bars([at(QUIET, AIM), at(QUIET, AIM + 1), Figures(QUIET)])] == [True, False, False]
    assert bars([at(BAD, 1.0), at(Case("rtsp", "480p"), 1.0), at(Case("webrtc", "720p"), 1.0)]) == []


@pytest.mark.parametrize("fps", [15, 25, 30])
def test_a_picture_is_known_by_its_time_though_that_is_a_tick_off(fps: int) -> None:
    for number in (0, 1, 2, 3, LAST):
        for off in (-1, 0, 1):
            assert number_at(number * 90_000 // fps + off, fps) == number


def noted(*results: Result, presented: dict[int, float] | None = None) -> list[dict[str, Any]]:
    """What the server's notes say of results that came after each other, each rendered at once."""
    file = io.StringIO()
    notes = Notes(file)
    for index, began in (presented or {}).items():
        notes.presented(index, began)
    for result in results:
        picture = av.VideoFrame.from_ndarray(np.tile(luma(7 + result.frame.index), (3, 1))[:720], format="yuv420p")
        notes.result(Frame(result.frame.index, 0, None, Fraction(1, FPS), None, 5.0, picture), result)
        notes.written(result.frame.index)
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_a_presented_frame_is_noted_with_its_own_number_and_moments() -> None:
    (note,) = noted(replace(results.result(3), presented=True), presented={3: 5.5})
    assert (note["index"], note["number"], note["began"]) == (3, 10, 5.5)
    assert note["began"] < note["made"] <= note["written"]


def test_a_frame_that_is_told_again_is_noted_once() -> None:
    notes = noted(replace(results.result(3), presented=True), results.result(3), presented={3: 5.5})
    assert [note["began"] for note in notes] == [5.5]


def test_a_looked_at_frame_is_noted_from_when_its_step_began() -> None:
    (note,) = noted(results.result(3))
    assert (note["began"], note["made"]) == pytest.approx((5.0 + 0.041 - 0.021, 5.0 + 0.041))
