"""The GPU's benchmark, at tiny size on a CPU: every part runs, what is missing is named, bars are judged as written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from benchmarks import gpu, gpu_parts, rivals
from benchmarks.gpu import NO_GPU, Figures, Plan, bars, measure, report
from benchmarks.gpu_parts import Forced, Streams, Timing, boxes, flat, picture
from tests.support.models import untrained
from tracker import Prompt, Sam3, Tracker
from tracker.acceleration import Verdict


@pytest.fixture(scope="module")
def model() -> Sam3:
    return untrained()


@pytest.fixture(scope="module")
def found(model: Sam3) -> Figures:
    plan = Plan.tiny()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rivals, "transformers", absent)
        return measure(model, plan, lambda words: None)


def absent(*_: object) -> Timing:
    raise ModuleNotFoundError("No module named 'transformers'", name="transformers")


def test_every_part_is_measured_and_what_cannot_run_is_named(found: Figures) -> None:
    plan = Plan.tiny()
    names = {"embed", *(f"detect, {count} prompts" for count in plan.prompts)}
    for count in plan.objects:
        names |= {f"{stage}, {count} objects" for stage in ("refine", "memory", "memorize", "masks")}
    assert set(found.stages) == names
    assert all(timing.note.endswith(" waits") for timing in found.stages.values())
    ours = {(name, count) for name in gpu_parts.POLICIES for count in plan.objects}
    assert set(found.policies) == ours | {("wheel, per frame", count) for count in plan.objects}
    assert all(len(timing.milliseconds) == plan.frames and not timing.note for timing in map(found.policies.get, ours))  # type: ignore[union-attr]
    assert found.missing == {"absent, per frame": "not installed (transformers)"}
    assert [each.count for each in found.streams] == [1]
    assert len(found.memory) == 10
    assert 0.001 < found.tflop < 0.01


def test_the_report_says_that_no_gpu_was_there(found: Figures) -> None:
    words = report(found, [Verdict("bf16", 0.999, 0.99)], real=False)
    assert words.startswith(NO_GPU)
    assert "Did not run: absent, per frame: not installed (transformers)" in words
    assert "H100" not in words
    assert "bf16 is on: cosine 0.9990, mask IoU 0.9900" in words


def test_bars_are_judged_by_what_was_measured() -> None:
    def timings(factor: float) -> Figures:
        policies = {("pvs", count): Timing([10 * factor]) for count in (1, 16, 64)}
        policies["wheel, per frame", 16] = Timing([60.0])
        stages = {"embed": Timing([8.0]), "masks, 16 objects": Timing([0.8 * factor])}
        rows = [Streams(8, 100 * factor, 10)]
        return Figures(stages, policies, rows, [5000.0] * 5 + [5000.0 * factor] * 5, 5.8, 790)

    assert [row[-1] for row in bars(timings(1.0))] == ["reached"] * 6
    slow = [row[-1] for row in bars(timings(3.0))]
    assert slow == ["NOT reached", "reached", *["NOT reached"] * 4]  # 64 objects still cost what one does
    assert "H100" in report(timings(1.0), [], real=True)


def test_what_was_not_measured_reaches_no_bar() -> None:
    empty = Figures({"embed": Timing([1.0])}, {}, [], [1.0, 2.0])
    assert all(row[-1] == "NOT reached" for row in bars(empty))


@pytest.mark.parametrize(("age", "looks"), [(151, 30), (100, 7.9)])
def test_a_stream_that_is_looked_at_late_or_rarely_does_not_count(age: float, looks: float) -> None:
    assert not Streams(1, age, looks).counted
    assert Streams(1, 150, 8).counted


def test_objects_are_as_many_as_forced_whatever_the_weights(model: Sam3) -> None:
    forced = Forced(model, 9)
    tracker = Tracker(forced, [Prompt("thing"), Prompt("other")], interval=3)  # type: ignore[arg-type]
    image = picture(96, 128)
    for index in range(5):
        tracks = tracker.step(image, index, index / 30).tracks
        assert {track.id for track in tracks} == set(range(1, 10))
    assert forced.passes == 5


@pytest.mark.parametrize("count", [1, 5, 64])
def test_boxes_lie_apart_and_inside(count: int) -> None:
    grid = np.zeros((480, 640), int)
    for box in boxes(count, 480, 640):
        grid[round(box.y0) : round(box.y1), round(box.x0) : round(box.x1)] += 1
    assert len(boxes(count, 480, 640)) == count
    assert grid.max() == 1


def test_memory_that_grows_is_not_flat() -> None:
    assert flat([100, 120, 119, 120, 118, 120])
    assert not flat([100, 110, 120, 130, 140, 150])


def test_the_wheel_follows_as_many_objects_as_it_was_given(model: Sam3, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = model.interactive.propagate_in_video

    def watched(*args: object, **kwargs: object) -> Iterator[tuple[object, list[int], object, torch.Tensor, object]]:
        for answer in original(*args, **kwargs):
            seen.append(len(answer[1]))
            yield answer

    monkeypatch.setattr(model.interactive, "propagate_in_video", watched)
    rivals.wheel(model, picture(48, 64), 3, 1, 1)
    assert seen == [3, 3]


def test_the_gate_alone_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    status = gpu.main(["--gate", "--device", "cpu"])
    told = capsys.readouterr().out
    assert NO_GPU in told and "buckets is on: cosine 1.0000" in told
    assert status in (0, 1)


def test_transformers_session_runs_or_says_what_is_missing(model: Sam3) -> None:
    pytest.importorskip("transformers")
    timing = rivals.transformers(model, picture(48, 64), 2, 1, 1)
    assert len(timing.milliseconds) == 1
    assert not timing.note
