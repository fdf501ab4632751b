"""Each program of examples/ as it stands, against a server with the embedded model and worlds whose truth is known."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.recording import record
from benchmarks.support.rtsp import Camera
from tests.support import client_environment, needs
from tests.support.browser import chromium, decoded, iou
from tests.support.documents import ROOT
from tests.support.page import trained
from tests.support.programs import Program, program
from tests.support.serving import SECONDS, Served, serving
from tracker.worlds import worlds
from tracker.worlds.bodies import Body
from tracker.worlds.objects import box_around

EXAMPLES = ROOT / "examples"
NOWHERE = "http://127.0.0.1:1"  # nothing listens there
SIZE = (320, 240)
FPS = 15
# Three circles, two of them green, that stand still, in a picture without much noise. nano is sure of all three.
SEED = 2176
STILL = f"demo:?seed={SEED}&objects=3&size=320x240&fps={FPS}&speed=0"
CIRCLES = 3
MATCHED = 0.5  # IoU from which a box is one object's and no other's
STEADY = 3  # of a world in which nano covers what it finds with an IoU of 0.98
TINT = np.array([255, 99, 71])  # the page's colour for the first prompt

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(trained(), threads=1, read_timeout=2.0) as served:
        yield served


@pytest.fixture(autouse=True)
def _no_session_is_left(served: Served) -> Iterator[None]:
    """Whatever way an example ends, its session ends with it."""
    yield
    end = time.monotonic() + SECONDS
    while any(each["state"] != "ended" for each in served.http.get("/sessions").json()["sessions"]):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def stills() -> list[worlds.WorldFrame]:
    """What the camera STILL shows in its first seconds: nothing moves, but the light changes."""
    drawn = list(islice(worlds.Video(SEED, *SIZE, fps=FPS, objects=(3, 3), speed=0), 10 * FPS))
    assert [each.name.split()[-1] for each in drawn[0].objects] == ["circle"] * CIRCLES
    return drawn


@pytest.fixture(scope="module")
def still(stills: list[worlds.WorldFrame]) -> worlds.WorldFrame:
    return stills[0]


@contextmanager
def example(served: Served, name: str, *arguments: str | Path) -> Iterator[Program]:
    with program(EXAMPLES / name, *arguments, "--server", f"http://{served.address}") as running:
        yield running


def test_people_are_counted_as_they_cross_the_line(served: Served, tmp_path: Path) -> None:
    """One circle goes to the right, one to the left, one stands still."""

    def walk(video: worlds.Video) -> list[Body]:
        return [
            video.actor(0, "red", "circle", 0.12, lambda seconds: (0.25 + 0.28 * seconds, 0.2, 1.0)),
            video.actor(1, "blue", "circle", 0.12, lambda seconds: (1.08 - 0.28 * seconds, 0.8, 1.0)),
            video.actor(2, "yellow", "circle", 0.12, lambda seconds: (0.2, 0.5, 1.0)),
        ]

    film = record(tmp_path / "walk.mp4", 3 * FPS, seed=SEED, fps=FPS, size=SIZE, script=walk)
    with example(served, "count_people.py", film, "--concept", "circle", "--every", "0.5") as counting:
        lines = counting.ended()
    assert lines[-1] == "circle in all: here 3, seen 3, to the right 1, to the left 1"
    assert lines[0].startswith("circle: here ")
    assert "The recording has ended." in lines[-2]


def test_a_concept_is_blurred_inside_its_masks_and_nothing_else_is(served: Served, tmp_path: Path) -> None:
    def stand(video: worlds.Video) -> list[Body]:
        return [
            video.actor(0, "green", "circle", 0.13, lambda _: (0.9, 0.7, 1.0)),
            video.actor(1, "red", "star", 0.13, lambda _: (0.3, 0.3, 1.0)),
        ]

    film = record(tmp_path / "stand.mp4", FPS, seed=STEADY, fps=FPS, size=SIZE, script=stand)
    out = tmp_path / "blurred.mp4"
    with example(served, "blur_concept.py", film, "--concept", "green circle", "--out", out) as blurring:
        blurring.ended()
    last, plain = pictures(out)[-1], pictures(film)[-1]  # of results the newest is never missed
    drawn = worlds.Video(STEADY, *SIZE, fps=FPS, script=stand).next()
    (green,) = (each.mask for each in drawn.objects if each.color == "green")
    assert steepness(last)[outline(green)].mean() < 0.5 * steepness(plain)[outline(green)].mean()
    assert np.abs(last.astype(int) - plain)[~grown(green, 20)].mean() < 3


def test_what_was_seen_is_recorded_once_an_object(served: Served, still: worlds.WorldFrame, tmp_path: Path) -> None:
    folder = tmp_path / "seen"
    asked: list[str | Path] = ["--concept", "circle", "--folder", folder, "--every", "600"]
    with example(served, "record_when_seen.py", STILL, *asked) as recording:
        recording.until(r"\.jpg$", times=CIRCLES)
        lines = recording.interrupt()
    assert lines[-1] == f"{CIRCLES} objects were seen."
    facts = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    assert len({each["id"] for each in facts}) == len(facts) == CIRCLES
    for found, path in zip(facts, sorted(folder.glob("*.jpg")), strict=True):
        assert decoded(path.read_bytes()).shape == still.image.shape
        assert max(iou(inside(found["box"]), inside(edges(each.mask))) for each in still.objects) >= MATCHED


def test_an_object_that_stays_is_recorded_again_but_not_before_its_time(served: Served, tmp_path: Path) -> None:
    every = 0.5
    asked: list[str | Path] = ["--concept", "red circle", "--folder", tmp_path, "--every", str(every)]
    with example(served, "record_when_seen.py", STILL, *asked) as recording:
        recording.until(r"\.jpg$", times=3)
        lines = recording.interrupt()
    assert lines[-1] == "1 objects were seen."
    assert len(set(lines[:3])) == 3
    times = sorted(datetime.fromisoformat(json.loads(path.read_text())["time"]) for path in tmp_path.glob("*.json"))
    assert all((later - sooner).total_seconds() >= 0.95 * every for sooner, later in pairwise(times))


def test_each_example_ends_when_its_time_is_up(served: Served, tmp_path: Path) -> None:
    asked: dict[str, list[str | Path]] = {
        "blur_concept.py": ["--out", tmp_path / "out.mp4"],
        "count_people.py": [],
        "record_when_seen.py": ["--folder", tmp_path],
        "rtsp_to_jsonl.py": [],
    }
    with ExitStack() as programs:
        started = [
            programs.enter_context(example(served, name, "demo:?size=64x64", *more, "--seconds", "0.5"))
            for name, more in asked.items()
        ]
        for each in started:
            each.ended()


def test_a_cameras_results_become_lines_and_its_absence_is_told(served: Served, tmp_path: Path) -> None:
    needs.gstreamer()
    film = record(tmp_path / "film.mp4", 300, seed=SEED, objects=3, fps=FPS, size=SIZE)
    with (
        Camera(film) as camera,
        example(served, "rtsp_to_jsonl.py", camera.url, "--prompt", "circle", "--prompt", "star") as writing,
    ):
        writing.until(r"^\S+ live")
        writing.until(r"^\{.*circle")
        camera.kill()
        writing.until(r"^\S+ reconnecting \S+")
        camera.start()
        writing.until(r"^\S+ live")
        writing.until(r"^\{.*circle")
        lines = writing.interrupt()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    frames = [each["frame"] for each in found]
    assert frames == sorted(frames)  # one may come twice: told again with the masks of its own look
    assert max(map(frames.count, frames)) <= 2 < len(set(frames))
    assert {each["epoch"] for each in found} == {found[0]["epoch"], found[0]["epoch"] + 1}
    things = [thing for each in found for thing in each["objects"]]
    assert {thing["name"] for thing in things} == {"circle"}
    assert things[-1]["mask"]["size"] == [SIZE[1], SIZE[0]]


def test_a_publishers_picture_is_read_by_whoever_waits_for_a_webcam(served: Served, tmp_path: Path) -> None:
    if "whip" not in av.formats_available:
        pytest.skip("needs PyAV with FFmpeg's whip muxer")
    film = record(tmp_path / "film.mp4", 300, seed=SEED, objects=3, fps=FPS, size=SIZE)
    with example(served, "webcam_reader.py") as reading:
        reading.until("Waiting")
        with example(served, "publish_with_ffmpeg.py", film, "--prompt", "circle") as publishing:
            publishing.until("Publishing")
            reading.until(r"^Reading session")
            reading.until(r"^frame \d+: circle \d+ \(\d+%\) \d+,\d+ to \d+,\d+$")
            publishing.interrupt()
        assert reading.ended()[-1].startswith("The session is ended.")


def test_supervision_draws_what_the_server_found(served: Served, still: worlds.WorldFrame, tmp_path: Path) -> None:
    picture, out = tmp_path / "still.png", tmp_path / "drawn.png"
    Image.fromarray(still.image).save(picture)
    asked: list[str | Path] = ["--prompt", "green circle", "--out", out, "--server", f"http://{served.address}"]
    with program(EXAMPLES / "draw_with_supervision.py", picture, *asked, python=client_environment.python()) as drawing:
        lines = drawing.ended()
    assert lines[-1].count("green circle") == 2
    changed = np.abs(decoded(out.read_bytes()).astype(int) - still.image).max(2) > 8
    green = [each.mask for each in still.objects if each.color == "green"]
    for mask in green:
        assert changed[mask].mean() > 0.8
    assert changed.mean() < 0.5


@contextmanager
def elsewhere(folder: Path) -> Iterator[str]:
    """Another web server that hands out a folder, as ``python -m http.server`` does."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_of_another_origin_shows_masks_on_their_pictures(
    stills: list[worlds.WorldFrame],
) -> None:
    needs.chromium()
    with (
        elsewhere(EXAMPLES) as origin,
        serving(trained(), threads=1, allow_origins=(origin,)) as here,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        page = browser.new_page()
        query = f"?server=http://{here.address}&prompt=green+circle&source=".replace("+", "%20")
        page.goto(f"{origin}/other_origin.html{query}{STILL.replace('&', '%26')}")
        page.wait_for_function("document.querySelector('#said').textContent.endsWith(': 2 objects')")
        png = page.evaluate("document.querySelector('canvas').toDataURL('image/png').split(',')[1]")
        page.goto("about:blank")
        silent = page.goto(f"{origin}/other_origin.html?server={NOWHERE}")
        assert silent is not None
        page.wait_for_function("document.querySelector('#said').textContent.includes('does not answer')")
    shown = decoded(base64.b64decode(png)).astype(int)
    for each in stills[0].objects:
        inner = ~grown(~each.mask, 5)
        plain = [still.image[inner].astype(int) for still in stills]
        wanted = [(pixels + TINT) / 2 for pixels in plain] if each.color == "green" else plain
        assert min(np.abs(shown[inner] - pixels).mean() for pixels in wanted) < 6


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    film = record(tmp_path / "film.mp4", 2, fps=FPS, size=(64, 64))
    asked = {"publish_with_ffmpeg.py": [film], "draw_with_supervision.py": [film]}
    python = {"draw_with_supervision.py": client_environment.python()}
    with ExitStack() as programs:
        started = [
            programs.enter_context(
                program(
                    path, *asked.get(path.name, []), "--server", NOWHERE, python=python.get(path.name, sys.executable)
                )
            )
            for path in EXAMPLES.glob("*.py")
        ]
        for each in started:
            assert "127.0.0.1:1" in each.ended(code=1)[-1]
        assert len(started) == 7


def test_of_ours_the_examples_import_nothing_but_the_client() -> None:
    imports = [re.findall(r"^(?:from|import) (\S+)", path.read_text(), re.MULTILINE) for path in EXAMPLES.glob("*.py")]
    ours = {name for names in imports for name in names if name.split(".")[0] in ("streamer", "tracker", "tests")}
    assert ours == {"streamer.client"}


def test_the_table_has_every_example() -> None:
    table = (EXAMPLES / "README.md").read_text()
    named = re.findall(r"^\| \[[^]]+\]\(([^)]+)\) \|", table, re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".html"))


def pictures(path: Path) -> list[npt.NDArray[np.uint8]]:
    with av.open(str(path)) as video:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in video.decode(video=0)]


def grown(mask: npt.NDArray[np.bool_], pixels: int) -> npt.NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8)).astype(bool)


def outline(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return grown(mask, 1) & grown(~mask, 1)


def steepness(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """How much brightness changes at each pixel."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)), np.float32)


def edges(mask: npt.NDArray[np.bool_]) -> tuple[float, float, float, float]:
    box = box_around(mask)
    return box.x0, box.y0, box.x1, box.y1


def inside(box: Sequence[float]) -> npt.NDArray[np.bool_]:
    """A box as a mask of the picture."""
    x0, y0, x1, y1 = (round(edge) for edge in box)
    mask = np.zeros(SIZE[::-1], bool)
    mask[y0:y1, x0:x1] = True
    return mask
