"""The page in a real browser, against a real server with the embedded model."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, Playwright, Route, expect, sync_playwright
from pycocotools import mask as coco

from benchmarks.recording import record
from tests import needs
from tests.browser import Camera, Truth, Visit, chromium, decoded, film, iou, number_of, visit
from tests.serving import Served, serving
from tracker import Mask, Sam3, load_model
from tracker.nano import worlds

SEED = 6  # of the fake webcam's world
SEEDS = (0, 1, 2)  # of the worlds that masks are held against the truth in
DEMO_SEED = 7
DEMO = f"demo:?seed={DEMO_SEED}&fps=10"
ENOUGH = 24  # results that are held against the truth
LEAST = 40  # objects found in them, of three in each picture

pytestmark = pytest.mark.timeout(300)


@functools.cache
def trained() -> Sam3:
    return load_model("nano")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    needs.chromium()
    with serving(trained(), threads=1, max_sessions=2) as served:
        yield served


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Camera:
    return film(tmp_path_factory.mktemp("camera") / "webcam.y4m", seed=SEED)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    needs.chromium()
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright, camera: Camera) -> Iterator[Browser]:
    with chromium(playwright, camera.path) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Visit]:
    with visit(browser, f"http://localhost:{_port(served)}/") as page:
        yield page
    _stop_all(served)


def _stop_all(served: Served) -> None:
    for session in served.http.get("/sessions").json()["sessions"]:
        served.http.delete(f"/sessions/{session['id']}")


def _port(served: Served) -> str:
    return served.address.rpartition(":")[2]


def _jpeg(served: Served, result: dict[str, Any]) -> npt.NDArray[np.uint8] | None:
    """The picture the server looked at, if it is still kept."""
    answer = served.http.get(f"/sessions/{result['session']}/frames/{result['frame']['index']}.jpg")
    return decoded(answer.content) if answer.status_code == 200 else None


def _found(result: dict[str, Any]) -> list[tuple[str | None, npt.NDArray[np.bool_]]]:
    """Name (None: clicked) and mask of each object of a result."""
    return [
        (entry["echo"]["text"], _dense(prediction["masks"]))
        for entry in result["prompt_results"]
        for prediction in entry["predictions"]
    ]


def _dense(masks: dict[str, Any]) -> npt.NDArray[np.bool_]:
    height, width = masks["size"]
    return Mask(height, width, masks["counts"].encode()).dense()


# The webcam


@pytest.mark.parametrize("seed", SEEDS)
def test_masks_of_a_webcam_lie_on_the_truth_of_that_very_frame(
    playwright: Playwright, served: Served, tmp_path: Path, seed: int
) -> None:
    camera = film(tmp_path / "webcam.y4m", seed=seed)
    address = f"http://localhost:{_port(served)}/"
    with chromium(playwright, camera.path) as browser, visit(browser, address) as page:
        overlaps = _watched(page, served, camera)
    _stop_all(served)
    print(f"seed {seed}: {len(overlaps)} objects in {ENOUGH} frames, mean IoU {np.mean(overlaps):.3f}")
    assert len(overlaps) >= LEAST
    assert np.mean(overlaps) >= 0.7


def _watched(page: Visit, served: Served, camera: Camera) -> list[float]:
    """The IoU of each object that was found in ENOUGH frames."""
    page.prompt(*camera.names)
    page.page.click("#webcam")
    page.showing()
    overlaps: list[float] = []
    judged: set[int] = set()
    while len(judged) < ENOUGH:
        for index in sorted(page.results.keys() - judged)[-3:]:
            picture = _jpeg(served, page.results[index])
            if picture is not None:
                judged.add(index)
                overlaps += _overlaps(_found(page.results[index]), camera.truths[number_of(picture)])
        _next_result(page)
    return overlaps


def _overlaps(found: list[tuple[str | None, npt.NDArray[np.bool_]]], truths: Sequence[Truth]) -> list[float]:
    """For each object that was found, so a mask of its name touches it: the IoU with the best such mask."""
    best = [
        max((iou(mask, truth.mask.dense()) for name, mask in found if name == truth.name), default=0.0)
        for truth in truths
    ]
    return [overlap for overlap in best if overlap > 0]


def _next_result(page: Visit) -> None:
    page.wait_for("(seen) => document.getElementById('screen').dataset.index !== seen", _index(page))


def _index(page: Visit) -> str:
    return page.page.locator("#screen").get_attribute("data-index") or ""


def test_the_webcam_picture_on_show_is_the_one_its_masks_were_made_of(
    page: Visit, served: Served, camera: Camera
) -> None:
    page.prompt(*camera.names)
    page.page.click("#webcam")
    page.showing("document.body.dataset.sync === 'matched'")
    expect(page.page.locator("#sync")).to_have_text("exact")
    compared = 0
    while compared < 8:
        shown = page.shown()
        picture = _jpeg(served, page.results[shown.index]) if shown.index in page.results else None
        if picture is not None and shown.sync == "matched":
            assert number_of(shown.picture) == number_of(picture)
            compared += 1
        _next_result(page)
    expect(page.page.locator("#delay")).to_contain_text("ms")


def test_without_a_sender_transform_the_masks_are_called_approximate(browser: Browser, served: Served) -> None:
    with visit(browser, f"http://localhost:{_port(served)}/") as page:
        page.page.add_init_script("delete window.RTCRtpScriptTransform")
        page.page.reload()
        page.page.click("#webcam")
        page.showing("document.body.dataset.sync === 'approximate'")
        expect(page.page.locator("#sync")).to_have_text("approximate")
        page.stop()


def test_stopping_the_webcam_ends_its_session(page: Visit, served: Served) -> None:
    page.page.click("#webcam")
    page.showing()
    assert [each["kind"] for each in _open(served)] == ["webrtc"]
    page.stop()
    _until_none_open(page, served)


def test_leaving_the_page_ends_its_session(page: Visit, served: Served) -> None:
    page.page.click("#webcam")
    page.showing()
    page.page.goto("about:blank")
    _until_none_open(page, served)


def _open(served: Served) -> list[dict[str, Any]]:
    return [each for each in served.http.get("/sessions").json()["sessions"] if each["state"] != "ended"]


def _until_none_open(page: Visit, served: Served) -> None:
    for _ in range(100):
        if not _open(served):
            return
        page.page.wait_for_timeout(50)
    raise AssertionError(f"still open: {_open(served)}")


# Pictures from the server


def test_the_synthetic_camera_shows_pictures_with_their_own_masks(page: Visit, served: Served) -> None:
    page.prompt("thing")
    _open_address(page, DEMO)
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
        picture = _jpeg(served, result) if result and _found(result) else None
        if result is not None and picture is not None:
            union = np.logical_or.reduce([mask for _, mask in _found(result)])
            if _inner(union).sum() > 500:
                return shown.picture, union, picture
        _next_result(page)


def _inner(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)


def _grown(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((61, 61), np.uint8)).astype(bool)


def _open_address(page: Visit, address: str) -> None:
    page.page.fill("#url", address)
    page.page.click("#address button")


def test_a_recording_is_shown_to_its_end_and_the_page_says_so(page: Visit, tmp_path: Path) -> None:
    _open_address(page, str(record(tmp_path / "world.mp4", 150)))  # it starts before the page reads along
    page.showing()
    expect(page.page.locator("#figures")).to_contain_text("fps")
    expect(page.page.locator("#trouble h2")).to_have_text("The picture has ended")
    expect(page.page.locator("#connection")).to_have_text("Ended")
    assert page.page.locator("#trouble p").inner_text()


def test_a_session_that_runs_already_can_be_watched_with_its_own_concepts(browser: Browser, served: Served) -> None:
    session = served.start(DEMO, "blue square")
    try:
        with visit(browser, f"http://localhost:{_port(served)}/") as page:
            page.page.click("#running button")
            page.showing()
            expect(page.page.locator("#prompts li")).to_have_text("blue square×")
            page.stop()
        assert [each["id"] for each in _open(served)] == [session]  # it is not ours to end
    finally:
        served.http.delete(f"/sessions/{session}")


# Concepts


def test_a_typed_concept_is_sent_and_can_be_taken_away(page: Visit) -> None:
    _open_address(page, DEMO)
    page.showing()
    page.prompt("blue square", "star")
    expect(page.page.locator("#prompts li")).to_have_text(["blue square×", "star×"])
    page.page.click("#prompts button[data-text='star']")
    expect(page.page.locator("#prompts li")).to_have_text(["blue square×"])
    page.wait_for("() => !document.getElementById('note').textContent")
    lists = [[each["text"] for each in sent["prompts"]] for sent in page.sent if sent["type"] == "prompts"]
    assert lists[-3:] == [["blue square"], ["blue square", "star"], ["blue square"]]


def test_an_unknown_word_is_answered_with_what_the_model_knows(page: Visit) -> None:
    _open_address(page, DEMO)
    page.showing()
    page.prompt("purple giraffe")
    expect(page.page.locator("#note")).to_contain_text("giraffe")
    expect(page.page.locator("#note")).to_contain_text("triangle")


def test_example_concepts_are_one_press_away(page: Visit) -> None:
    page.page.click("#examples button:has-text('yellow thing')")
    expect(page.page.locator("#prompts li")).to_contain_text(["red circle", "yellow thing"])
    expect(page.page.locator("#examples")).not_to_contain_text("yellow thing")


def test_the_seventeenth_concept_is_refused_in_words(page: Visit) -> None:
    page.prompt(*(f"thing {number}" for number in range(17)))
    expect(page.page.locator("#prompts li")).to_have_count(16)
    expect(page.page.locator("#note")).to_contain_text("16 concepts")


# Objects


def test_a_click_makes_an_object_that_is_followed_corrected_and_removed(page: Visit) -> None:
    page.prompt()
    _open_address(page, f"{DEMO}&objects=2")
    page.showing()
    page.page.mouse.click(*page.pixel(*_middle_of_an_object(_index(page))))
    expect(page.page.locator("#objects li")).to_contain_text(["picked"])
    expect(page.page.locator("#note")).to_contain_text("is followed")
    number = int(page.page.locator("#objects li").get_attribute("data-object") or -1)
    page.page.locator("#screen").click(position={"x": 20, "y": 60}, modifiers=["Shift"])
    page.page.click("#objects button[data-remove]")
    expect(page.page.locator("#objects li")).to_have_count(0)
    kinds = [sent["type"] for sent in page.sent if sent["type"] != "prompts"]
    clicks = [sent for sent in page.sent if sent["type"] == "click"]
    assert kinds == ["click", "click", "remove"]
    assert "object_id" not in clicks[0] and clicks[0]["points"][0]["positive"]
    assert clicks[1]["object_id"] == number and not clicks[1]["points"][0]["positive"]


def _middle_of_an_object(index: str) -> tuple[float, float]:
    """Of the synthetic camera's frame: shares of width and height of a place well inside its largest object."""
    world = worlds.Video(DEMO_SEED, 640, 480, fps=10, objects=(2, 2))
    world.skip(int(index))
    largest = max(world.next().objects, key=lambda each: int(each.mask.sum()))
    depth = cv2.distanceTransform(largest.mask.astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x) / 640, float(y) / 480


def test_a_box_drawn_with_the_mouse_makes_an_object(page: Visit) -> None:
    page.prompt()
    _open_address(page, f"{DEMO}&objects=2")
    page.showing()
    x, y = _middle_of_an_object(_index(page))
    page.page.mouse.move(*page.pixel(max(0.0, x - 0.1), max(0.0, y - 0.12)))
    page.page.mouse.down()
    page.page.mouse.move(*page.pixel(x, y))
    page.page.mouse.move(*page.pixel(min(0.99, x + 0.1), min(0.99, y + 0.12)))
    page.page.mouse.up()
    expect(page.page.locator("#objects li")).to_contain_text(["picked"])
    (box,) = [sent["box"] for sent in page.sent if sent["type"] == "box"]
    assert 0 <= box["x0"] < box["x1"] <= 640 and 0 <= box["y0"] < box["y1"] <= 480


def test_the_keyboard_alone_can_point_at_an_object(page: Visit) -> None:
    _open_address(page, DEMO)
    page.showing()
    page.page.focus("#screen")
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.page.keyboard.press(key)
    page.wait_for("() => document.getElementById('note').textContent")
    (click,) = [sent for sent in page.sent if sent["type"] == "click"]
    (point,) = click["points"]
    assert point["x"] == pytest.approx(0.52 * 640) and point["y"] > 240 and point["positive"]


def test_a_finger_points_by_tapping_and_takes_away_by_staying(browser: Browser, served: Served) -> None:
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with visit(browser, f"http://localhost:{_port(served)}/", **options) as page:
        page.prompt()
        _open_address(page, DEMO)
        page.showing()
        x, y = page.pixel(0.5, 0.5)
        finger = page.page.context.new_cdp_session(page.page)
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        expect(page.page.locator("#note")).to_have_text("There is no object here to take something away from.")
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert [sent for sent in page.sent if sent["type"] == "click"] == []
        page.page.touchscreen.tap(x, y)
        page.wait_for("() => !document.getElementById('note').textContent.startsWith('There is no')")
        (click,) = [sent for sent in page.sent if sent["type"] == "click"]
        assert click["points"][0]["positive"]
        page.stop()


# When it does not work


def test_a_wrong_address_is_answered_with_the_reason(page: Visit) -> None:
    _open_address(page, "/nowhere/at/all.mp4")
    expect(page.page.locator("#trouble h2")).to_have_text("The source was refused")
    expect(page.page.locator("#trouble p")).to_contain_text("/nowhere/at/all.mp4")
    page.page.click("#back")
    expect(page.page.locator("#start")).to_be_visible()


def test_a_camera_that_nobody_answers_for_shows_why_it_is_not_live(page: Visit) -> None:
    _open_address(page, "rtsp://localhost:9/none")
    expect(page.page.locator("#banner")).to_contain_text("Reconnecting: ")
    page.stop()


def test_a_full_server_says_so(page: Visit, served: Served) -> None:
    sessions = [served.start(DEMO) for _ in range(2)]
    try:
        page.page.click("#webcam")
        expect(page.page.locator("#trouble h2")).to_have_text("The server is full")
        expect(page.page.locator("#trouble p")).to_contain_text("Try again")
    finally:
        for session in sessions:
            served.http.delete(f"/sessions/{session}")
    page.page.click("#again")
    page.showing()


def test_a_server_with_keys_takes_the_one_in_the_address_of_the_page(browser: Browser) -> None:
    with serving(trained(), threads=1, api_keys=("secret",)) as locked:
        with visit(browser, f"http://localhost:{_port(locked)}/") as page:
            page.page.click("#demo")
            expect(page.page.locator("#trouble h2")).to_have_text("This server wants a key")
        with visit(browser, f"http://localhost:{_port(locked)}/?api_key=secret") as page:
            for source in ("#demo", "#webcam"):
                page.page.click(source)
                page.showing()
                page.stop()


def test_a_loading_model_is_waited_for(page: Visit) -> None:
    refusals = [0]

    def loading(route: Route) -> None:
        refusals[0] += 1
        if refusals[0] > 1:
            route.fallback()
        else:
            route.fulfill(status=503, json={"message": "The model is still loading.", "detail": ""})

    page.page.route("**/sessions", loading)
    page.page.click("#demo")
    page.showing()
    assert refusals[0] >= 2


def test_a_socket_that_breaks_comes_back_with_the_concepts(page: Visit) -> None:
    sockets: list[Any] = []
    lists: list[list[str]] = []

    def relay(socket: Any) -> None:
        server = socket.connect_to_server()
        sockets.append(socket)

        def note(message: str) -> None:
            data = json.loads(message)
            if data["type"] == "prompts":
                lists.append([each["text"] for each in data["prompts"]])
            server.send(message)

        socket.on_message(note)

    page.page.route_web_socket("**/results*", relay)
    _open_address(page, DEMO)
    page.showing()
    page.prompt("blue square")
    _next_result(page)
    sockets[0].close(code=1011)
    expect(page.page.locator("#connection")).to_have_text("Reconnecting")
    expect(page.page.locator("#connection")).to_have_text("Live")
    _next_result(page)
    assert lists[-1] == ["blue square"]


def test_a_camera_that_is_pulled_out_is_missed(page: Visit, served: Served) -> None:
    page.page.evaluate(
        """() => {
          const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wanted) => (window.camera = await open(wanted));
        }"""
    )
    page.page.click("#webcam")
    page.showing()
    # The event a browser sends when the device goes; nothing in a test can pull it out.
    page.page.evaluate("window.camera.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.page.locator("#trouble h2")).to_have_text("The camera is gone")
    _until_none_open(page, served)


def test_a_computer_without_a_camera_is_told_what_to_do(playwright: Playwright, served: Served) -> None:
    with chromium(playwright) as browser, visit(browser, f"http://localhost:{_port(served)}/") as page:
        page.page.click("#webcam")
        expect(page.page.locator("#trouble h2")).to_have_text("No camera found")
        expect(page.page.locator("#trouble p")).to_contain_text("synthetic camera")


def test_a_refused_permission_is_explained(playwright: Playwright, served: Served) -> None:
    args = ("--use-fake-device-for-media-stream", "--deny-permission-prompts")
    with chromium(playwright, None, *args) as browser, visit(browser, f"http://localhost:{_port(served)}/") as page:
        page.page.click("#webcam")
        expect(page.page.locator("#trouble h2")).to_have_text("Camera permission refused")


def test_a_page_that_is_not_secure_says_how_to_get_a_camera(playwright: Playwright, served: Served) -> None:
    rule = "--host-resolver-rules=MAP streamer.test 127.0.0.1"
    with chromium(playwright, None, rule) as browser, visit(browser, f"http://streamer.test:{_port(served)}/") as page:
        page.page.click("#webcam")
        expect(page.page.locator("#trouble h2")).to_have_text("The camera needs a secure page")
        expect(page.page.locator("#trouble p")).to_contain_text("localhost")


# Its looks


# No button may be cut off by the window's side or by the card it stands on.
_BUTTONS_FIT = """() => [...document.querySelectorAll("button")].every((button) => {
  if (!button.checkVisibility()) return true;
  const card = button.closest(".card")?.getBoundingClientRect().right ?? Infinity;
  return button.getBoundingClientRect().right <= Math.min(innerWidth, card);
})"""


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (844, 390), (320, 640)])
def test_it_fits_every_screen(browser: Browser, served: Served, width: int, height: int) -> None:
    served.start("demo:?seed=7&fps=10&objects=3&size=640x480")
    options = {"viewport": {"width": width, "height": height}, "has_touch": width < 1000}
    with visit(browser, f"http://localhost:{_port(served)}/", **options) as page:
        expect(page.page.locator("#running")).to_be_visible()
        assert page.page.evaluate(_BUTTONS_FIT)
        page.prompt("a rather long concept that has to break somewhere", "star", "blue square")
        page.page.click("#running button")
        page.showing()
        assert page.page.evaluate(_BUTTONS_FIT)
        assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        box = page.page.locator("#screen").bounding_box()
        assert box is not None and box["width"] >= 0.5 * width and box["height"] >= 0.3 * height
        expect(page.page.locator("#stop")).to_be_in_viewport()
    _stop_all(served)


# Its modules, in the browser that runs them


def test_run_lengths_are_decoded_as_pycocotools_does(page: Visit) -> None:
    rng = np.random.default_rng(5)
    masks = [rng.random((height, width)) < share for height, width, share in [(7, 5, 0.5), (1, 9, 0.3), (64, 48, 0.02)]]
    masks += [np.zeros((6, 4), bool), np.ones((6, 4), bool), np.zeros((720, 1280), bool)]
    masks[-1][100:600, 300:900] = True
    coded = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]
    sent = [{"size": each["size"], "counts": each["counts"].decode()} for each in coded]
    decoded = page.page.evaluate(
        """async (masks) => {
          const { decode } = await import("/rle.js");
          return masks.map((mask) => {
            const { bytes, spans } = decode(mask);
            const inside = spans.every(([from, to]) => bytes.subarray(from, to).every((byte) => byte === 1));
            const total = spans.reduce((sum, [from, to]) => sum + to - from, 0);
            const sum = bytes.reduce((one, other) => one + other, 0);
            return { bits: bytes.length < 4000 ? [...bytes] : null, sum, total, inside };
          });
        }""",
        sent,
    )
    for mask, got in zip(masks, decoded, strict=True):
        assert got["sum"] == got["total"] == mask.sum() and got["inside"]
        if got["bits"] is not None:
            assert np.array_equal(np.array(got["bits"]).reshape(mask.shape[::-1]).T, mask)


@pytest.mark.parametrize("counts", ["0", "00000000", "~~~", "é", "PPPPPPPP"])
def test_damaged_run_lengths_are_refused(page: Visit, counts: str) -> None:
    refused = page.page.evaluate(
        """async (counts) => {
          const { decode } = await import("/rle.js");
          try { decode({ size: [4, 4], counts }); return false; } catch (error) { return error instanceof RangeError; }
        }""",
        counts,
    )
    assert refused


# A sender's clock: pictures and packets as Chromium gives them, with what goes wrong on a busy machine.
_PAIRING = """async ({ interval, jitter, encode, lost, started }) => {
  const { Clock } = await import("/clock.js");
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const clock = new Clock();
  const offset = 2 ** 32 - 90 * 2000;  // wraps around after two seconds
  const events = [];
  const packets = [];
  for (let i = 0; i < 150; i++) {
    const ms = 5e6 + i * interval + jitter * (random() - 0.5);
    const at = ms - 5e6;
    if (random() >= lost) events.push([at + 1 + random(), () => clock.captured(ms, at + 1)]);
    const rtp = (offset + 90 * Math.round(at)) % 2 ** 32;
    const out = Math.max(started, at + encode * (0.7 + 0.6 * random()));
    events.push([out, () => clock.encoded(rtp, out)]);
    packets.push([at, rtp, ms]);
  }
  events.sort((a, b) => a[0] - b[0]);
  let [right, wrong] = [0, 0];
  for (const [now, happen] of events) {
    happen();
    const done = packets.findLast(([at]) => at < now - 80);
    const told = done && clock.capture(done[1]);
    if (typeof told === "number") Math.abs(told - done[2]) < 5 ? right++ : wrong++;
  }
  return { right, wrong };
}"""


@pytest.mark.parametrize(
    "conditions",
    [
        {"interval": 100 / 3, "jitter": 0},
        {"interval": 50 / 3, "jitter": 0},
        {"interval": 200 / 3, "jitter": 3},
        {"interval": 100 / 3, "jitter": 2, "encode": 40},
        {"interval": 100 / 3, "jitter": 2, "lost": 0.15},
        {"interval": 100 / 3, "jitter": 2, "started": 900},
    ],
    ids=["regular", "60 fps", "slow and uneven", "slow encoder", "lost pictures", "late start"],
)
def test_packets_find_the_picture_they_were_made_of(page: Visit, conditions: dict[str, float]) -> None:
    got = page.page.evaluate(_PAIRING, {"encode": 6, "lost": 0, "started": 0, **conditions})
    assert got["wrong"] == 0
    assert got["right"] >= 150


def test_held_back_pictures_are_bounded_by_count_and_by_bytes(page: Visit) -> None:
    got = page.page.evaluate(
        """async () => {
          const { Ring, MAX_PICTURES, MAX_BYTES } = await import("/ring.js");
          const fill = (count, width, height) => {
            const ring = new Ring();
            let closed = 0;
            for (let i = 0; i < count; i++) ring.put(i * 33, { width, height, close: () => closed++ }, 0);
            return { ring, closed };
          };
          const small = fill(3 * MAX_PICTURES, 64, 48);
          const large = fill(MAX_PICTURES, 1920, 1080);
          const newest = (3 * MAX_PICTURES - 1) * 33;
          return {
            count: small.ring.length === MAX_PICTURES && small.closed === 2 * MAX_PICTURES,
            bytes: large.ring.bytes <= MAX_BYTES && large.ring.length > 0,
            gone: small.ring.take(0) === null,
            found: small.ring.take(newest - 33 * 3).ms === newest - 33 * 3,
            older: small.ring.length === 3,
          };
        }"""
    )
    assert got == {"count": True, "bytes": True, "gone": True, "found": True, "older": True}
