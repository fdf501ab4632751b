"""The tools beside the picture: thresholds, order of pictures and masks, the timeline, and what can be saved."""

from __future__ import annotations

import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, Download, Playwright, expect
from pycocotools import mask as coco
from pycocotools.coco import COCO

from tests.support.browser import Camera, Visit, chromium, decoded, number_of, visit
from tests.support.page import DEMO, dense, next_result, open_address, open_sessions, port, shown_index, stop_all
from tests.support.serving import Served

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)


# Concepts


def test_a_threshold_is_sent_when_its_slider_moves(page: Visit) -> None:
    page.prompt("thing")
    open_address(page, DEMO)
    page.showing()
    page.page.focus("#prompts [type=range]")
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("ArrowRight")
    expect(page.page.locator("#prompts output")).to_have_text("0.60")
    while _thresholds(page)[-1] != 0.6:
        page.page.wait_for_timeout(20)
    assert _thresholds(page)[0] == 0.5


def _thresholds(page: Visit) -> list[float]:
    return [sent["prompts"][0]["output_prob_thresh"] for sent in page.sent if sent["type"] == "prompts"]


def test_a_concept_has_a_colour_of_its_own_that_can_be_changed(page: Visit) -> None:
    page.prompt("thing", "star")
    open_address(page, DEMO)
    page.showing("document.getElementById('screen').dataset.objects > 0")
    first, second = (page.page.locator("#prompts [type=color]").nth(i).input_value() for i in range(2))
    assert first != second
    page.page.locator("#prompts [type=color]").first.fill("#123456")
    expect(page.page.locator("#objects li").first).to_have_attribute("style", "--color: #123456;")


def test_each_synthetic_camera_brings_concepts_that_suit_it(page: Visit) -> None:
    page.page.click("#things")
    page.showing("document.getElementById('screen').dataset.objects > 0")
    expect(page.page.locator("#prompts .name")).to_have_text(["cat", "grape"])
    page.stop()
    page.page.click("#shapes")
    page.showing("document.getElementById('screen').dataset.objects > 0")
    expect(page.page.locator("#prompts .name")).to_have_text(["red circle", "star"])
    page.stop()
    page.page.click("#examples [data-text='heart']")
    page.page.click("#things")
    page.showing()
    expect(page.page.locator("#prompts .name")).to_have_text(["red circle", "star", "heart"])  # the person's own now


# The camera


def test_pictures_are_held_back_for_their_masks_or_shown_at_once(page: Visit, camera: Camera) -> None:
    page.prompt(*camera.names)
    page.page.click("#webcam")
    page.showing("document.body.dataset.sync === 'matched'")
    page.page.check("[name=order][value=once]")
    page.showing("document.body.dataset.sync === 'newest'")
    expect(page.page.locator("#sync")).to_have_text("at once")
    page.showing("document.getElementById('delay').textContent.endsWith('ms')")
    numbers: set[int] = set()
    while len(numbers) < 5:  # the picture goes on between two results as well
        numbers.add(number_of(page.shown().picture))
    page.page.check("[name=order][value=step]")
    page.showing("document.body.dataset.sync === 'matched'")
    page.page.check("[name=order][value=once]")
    page.page.reload()
    expect(page.page.locator("[name=order][value=once]")).to_be_checked()


def test_masks_are_asked_for_a_frame_ahead_where_pictures_are_shown_at_once(page: Visit, camera: Camera) -> None:
    def asked() -> list[int]:
        return [each["ahead"] for each in page.sent if each["type"] == "options"]

    page.prompt(*camera.names)
    page.page.click("#webcam")
    page.showing("document.body.dataset.sync === 'matched'")
    assert asked() == []
    page.page.check("[name=order][value=once]")
    page.showing("document.body.dataset.sync === 'newest'")
    assert asked() == [1]
    page.page.check("[name=order][value=step]")
    page.showing("document.body.dataset.sync === 'matched'")
    assert asked() == [1, 0]
    page.page.check("[name=order][value=once]")
    page.stop()
    with page.page.expect_websocket(lambda socket: "/results" in socket.url) as waiting:
        page.page.click("#webcam")
    assert "ahead=1" in waiting.value.url


def test_the_age_of_the_picture_and_of_the_look_behind_its_masks_are_told(page: Visit) -> None:
    open_address(page, DEMO)
    page.showing("document.getElementById('look').textContent.endsWith('ms')")
    picture, look = page.page.evaluate("['age', 'look'].map((id) => parseInt(document.getElementById(id).textContent))")
    assert 0 <= picture <= look
    expect(page.page.locator("#look")).to_have_attribute("title", re.compile("the model has looked at"))
    expect(page.page.locator("#stage-name")).to_have_text(re.compile("^(keyframe|refine)$"))


def test_another_camera_goes_on_with_the_same_session(playwright: Playwright, served: Served, camera: Camera) -> None:
    two = "--use-fake-device-for-media-stream=device-count=2"
    address = f"http://localhost:{port(served)}/"
    with chromium(playwright, None, two, "--use-fake-ui-for-media-stream") as browser, visit(browser, address) as page:
        page.page.click("#webcam")
        page.showing()
        (before,) = open_sessions(served)
        choice = page.page.locator("#live-camera")
        expect(choice).to_be_visible()
        expect(choice.locator("option")).to_have_count(3)  # any, and the two
        # The first by its name: Chromium's second fake camera, opened after the first, often gives no pictures.
        choice.select_option(index=1)
        expect(page.page.locator("#connection")).to_have_text("Live")
        seen = max(page.results)
        while max(page.results) <= seen + 3:
            next_result(page)
        (after,) = open_sessions(served)
        assert after["id"] == before["id"] and [p["text"] for p in after["prompts"]] == ["red circle", "star"]
        assert page.page.evaluate("document.getElementById('live-camera').value") != ""
        page.stop()
        expect(page.page.locator("#camera option")).to_have_count(3)
    stop_all(served)


def test_a_phone_may_choose_the_side_its_camera_looks_to(browser: Browser, served: Served) -> None:
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with visit(browser, f"http://localhost:{port(served)}/", **options) as page:
        page.page.evaluate(
            """() => {
              const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
              navigator.mediaDevices.getUserMedia = (wanted) => ((window.wanted = wanted), open(wanted));
            }"""
        )
        page.page.select_option("#camera", label="Back camera")
        page.page.click("#webcam")
        page.showing()
        assert page.page.evaluate("window.wanted.video.facingMode.ideal") == "environment"
        page.stop()


# Painting


def test_masks_are_decoded_and_painted_in_a_worker(page: Visit) -> None:
    expect(page.page.locator("body")).to_have_attribute("data-painter", "worker")


def test_a_browser_without_offscreen_canvas_paints_on_the_page(browser: Browser, served: Served) -> None:
    with visit(browser, f"http://localhost:{port(served)}/") as page:
        page.page.add_init_script("delete window.OffscreenCanvas")
        page.page.reload()
        expect(page.page.locator("body")).to_have_attribute("data-painter", "page")
        page.prompt("thing")
        open_address(page, DEMO)
        page.showing("document.getElementById('screen').dataset.objects > 0")
        page.stop()


# The last minute


def test_the_timeline_tells_which_objects_were_seen_and_marks_keyframes(page: Visit) -> None:
    page.prompt("thing")
    open_address(page, f"{DEMO}&objects=2")
    page.showing("document.getElementById('screen').dataset.objects > 0")
    page.wait_for("() => document.getElementById('timeline').dataset.keyframes > 1")
    page.wait_for("() => document.getElementById('timeline').dataset.objects")
    strip = page.page.locator("#timeline")
    shown = set((strip.get_attribute("data-objects") or "").split())
    sent = {p["object_id"] for r in page.results.values() for e in r["prompt_results"] for p in e["predictions"]}
    assert shown and shown <= {str(each) for each in sent}
    words = re.compile(r"The last minute: \d+ objects, \d+ keyframes\. \d+ thing: ")
    expect(strip).to_have_attribute("aria-label", words)
    box = strip.bounding_box()
    assert box is not None
    page.page.mouse.move(box["x"] + 200, box["y"] + 5)
    expect(page.page.locator("#timeline-words")).to_contain_text("thing")


def _saved(page: Visit, button: str) -> Download:
    with page.page.expect_download() as waiting:
        page.page.click(button)
    return waiting.value


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools 2 with numpy 2
def test_the_masks_of_the_last_minute_are_saved_as_coco(page: Visit, tmp_path: Path) -> None:
    page.prompt("thing")
    open_address(page, DEMO)
    page.showing("document.getElementById('screen').dataset.objects > 0")
    for _ in range(5):
        next_result(page)
    path = tmp_path / "masks.json"
    _saved(page, "#export").save_as(path)
    kept = COCO(str(path))
    assert len(kept.getImgIds()) >= 5 and [each["name"] for each in kept.loadCats(kept.getCatIds())] == ["thing"]
    annotations = kept.loadAnns(kept.getAnnIds())
    assert annotations
    for each in annotations:
        (image,) = kept.loadImgs(each["image_id"])
        sent = page.results[image["frame_index"]]
        (same,) = [
            prediction
            for entry in sent["prompt_results"]
            for prediction in entry["predictions"]
            if prediction["object_id"] == each["track_id"]
        ]
        assert np.array_equal(kept.annToMask(each).astype(bool), dense(same["masks"]))
        assert each["area"] == coco.area({**same["masks"], "counts": same["masks"]["counts"].encode()})


def test_a_snapshot_is_the_picture_with_its_masks(page: Visit, tmp_path: Path) -> None:
    page.page.click("#webcam")
    page.showing()
    download = _saved(page, "#snapshot")
    download.save_as(tmp_path / "picture.png")
    picture = decoded((tmp_path / "picture.png").read_bytes())
    height, width = picture.shape[:2]
    assert download.suggested_filename.endswith(".png")
    assert width / height == pytest.approx(4 / 3, rel=0.01)  # cut out, without the black beside it
    assert 0 <= number_of(picture) < 40


def test_what_is_shown_can_be_recorded(page: Visit, tmp_path: Path) -> None:
    page.page.click("#webcam")
    page.showing()
    page.page.click("#record")
    expect(page.page.locator("#record")).to_have_attribute("aria-pressed", "true")
    expect(page.page.locator("#record span")).to_have_text("0:02")
    download = _saved(page, "#record")
    expect(page.page.locator("#record span")).to_have_text("Record")
    path = tmp_path / download.suggested_filename
    download.save_as(path)
    with av.open(str(path)) as video:
        pictures = [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in video.decode(video=0)]
    numbers = {number_of(picture) for picture in pictures}
    assert len(numbers) >= 5 and max(numbers) < 40


def test_what_was_seen_can_be_saved_after_the_end(page: Visit, served: Served) -> None:
    page.prompt("thing")
    open_address(page, DEMO)
    page.showing("document.getElementById('screen').dataset.objects > 0")
    stop_all(served)
    expect(page.page.locator("#trouble h2")).to_have_text("The picture has ended")
    expect(page.page.locator("#snapshot")).to_be_hidden()
    content = json.loads(Path(_saved(page, "#export").path()).read_text())
    assert content["annotations"] and shown_index(page) == ""
