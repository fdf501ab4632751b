"""Clicks, boxes and keys on the page's picture."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Visit, visit
from tests.support.page import CALM, CALM_SEED, DEMO, next_result, open_address, port, shown_index
from tests.support.serving import Served
from tracker.worlds import worlds

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

# Objects


def test_a_click_makes_an_object_that_is_followed_corrected_and_removed(page: Visit) -> None:
    page.prompt()
    open_address(page, CALM)
    page.showing()
    page.page.mouse.click(*page.pixel(*_middle_of_an_object(shown_index(page))))
    expect(page.page.locator("#objects li")).to_contain_text(["picked"])
    expect(page.page.locator("#note")).to_contain_text("is followed")
    number = int(page.page.locator("#objects li").get_attribute("data-object") or -1)
    _take_away_what_is_far(page)
    expect(page.page.locator("#note")).to_contain_text("is corrected")
    page.page.click("#objects button[data-remove]")
    expect(page.page.locator("#objects li")).to_have_count(0)
    kinds = [sent["type"] for sent in page.sent if sent["type"] != "prompts"]
    clicks = [sent for sent in page.sent if sent["type"] == "click"]
    assert kinds == ["click", "click", "remove"]
    assert "object_id" not in clicks[0] and clicks[0]["points"][0]["positive"]
    assert clicks[1]["object_id"] == number and not clicks[1]["points"][0]["positive"]


def _take_away_what_is_far(page: Visit) -> None:
    """A correction that leaves of the object what it is: its place is as far from all objects as there is one."""
    page.page.keyboard.down("Shift")
    page.page.mouse.click(*page.pixel(*_deepest(~np.any(_objects(shown_index(page)), axis=0))))
    page.page.keyboard.up("Shift")


def _middle_of_an_object(index: str) -> tuple[float, float]:
    """Of the synthetic camera's frame: shares of width and height of a place well inside its largest object."""
    return _deepest(max(_objects(index), key=lambda mask: int(mask.sum())))


def _objects(index: str) -> list[npt.NDArray[np.bool_]]:
    world = worlds.Video(CALM_SEED, 640, 480, fps=10, objects=(2, 2), speed=0.05)
    world.skip(int(index))
    return [each.mask for each in world.next().objects]


def _deepest(mask: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The place of a mask that is farthest from its edge and the picture's, in shares of width and height."""
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x - 1) / 640, float(y - 1) / 480


def test_a_box_drawn_with_the_mouse_makes_an_object(page: Visit) -> None:
    page.prompt()
    open_address(page, CALM)
    page.showing()
    x, y = _middle_of_an_object(shown_index(page))
    page.page.mouse.move(*page.pixel(max(0.0, x - 0.1), max(0.0, y - 0.12)))
    page.page.mouse.down()
    page.page.mouse.move(*page.pixel(x, y))
    page.page.mouse.move(*page.pixel(min(0.99, x + 0.1), min(0.99, y + 0.12)))
    page.page.mouse.up()
    expect(page.page.locator("#objects li")).to_contain_text(["picked"])
    (box,) = [sent["box"] for sent in page.sent if sent["type"] == "box"]
    assert 0 <= box["x0"] < box["x1"] <= 640 and 0 <= box["y0"] < box["y1"] <= 480


def test_the_keyboard_alone_can_point_at_an_object(page: Visit) -> None:
    open_address(page, DEMO)
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
    with visit(browser, f"http://localhost:{port(served)}/", **options) as page:
        page.prompt()
        open_address(page, DEMO)
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


def test_a_pointer_at_rest_shows_id_name_and_score(page: Visit) -> None:
    page.prompt("thing")
    open_address(page, CALM)
    page.showing("document.getElementById('screen').dataset.objects > 0")
    page.page.mouse.move(*page.pixel(*_middle_of_an_object(shown_index(page))))
    hover = page.page.locator("#hover")
    expect(hover).to_be_visible()
    expect(hover.locator("span")).to_have_text("thing")
    number = hover.locator("b").inner_text()
    assert number in page.page.locator("#objects b").all_inner_texts()
    assert re.match(r"0\.\d\d · \w+", hover.locator("small").inner_text())
    page.page.mouse.move(5, 5)
    expect(hover).to_be_hidden()


def test_the_click_that_made_an_object_can_be_taken_back(page: Visit) -> None:
    _pick(page)
    page.page.click("#undo")
    expect(page.page.locator("#objects li")).to_have_count(0)
    expect(page.page.locator("#undo")).to_be_disabled()


def test_a_correction_that_is_taken_back_leaves_the_object_under_its_id(page: Visit) -> None:
    number = _pick(page)
    for _ in range(8):  # what it is before the correction has to be known
        next_result(page)
    _take_away_what_is_far(page)
    expect(page.page.locator("#note")).to_have_text(f"Object {number} is corrected.")
    page.page.focus("#screen")
    page.page.keyboard.press("Control+z")
    expect(page.page.locator("#note")).to_have_text(f"Object {number} is what it was before.")
    _, wrong, right = [sent for sent in page.sent if sent["type"] == "click"]
    assert right["object_id"] == wrong["object_id"] == number
    assert not wrong["points"][0]["positive"] and right["points"][0]["positive"]
    assert right["frame_index"] < wrong["frame_index"]
    expect(page.page.locator(f"#objects [data-object='{number}']")).to_have_count(1)


def _pick(page: Visit) -> int:
    """Click an object; its id."""
    page.prompt()
    open_address(page, CALM)
    page.showing()
    page.page.mouse.click(*page.pixel(*_middle_of_an_object(shown_index(page))))
    expect(page.page.locator("#objects li")).to_contain_text(["picked"])
    return int(page.page.locator("#objects li").get_attribute("data-object") or -1)


def test_an_example_box_becomes_a_concept_and_can_be_taken_back(page: Visit) -> None:
    page.prompt()
    open_address(page, CALM)
    page.showing()
    page.page.check("[name=box][value=example]")
    frame = _drag(page)
    expect(page.page.locator("#prompts .name")).to_have_text(["Example 1"])
    expect(page.page.locator("#note")).to_have_text("Everything like it is looked for.")
    expect(page.page.locator("#objects span").first).to_have_text("Example 1")
    asked = [sent["prompts"] for sent in page.sent if sent["type"] == "prompts"][-1]
    assert asked[0]["type"] == "visual" and asked[0]["frame_index"] == frame and len(asked[0]["boxes"]) == 1
    page.page.click("#undo")
    expect(page.page.locator("#prompts li")).to_have_count(0)
    expect(page.page.locator("#objects li")).to_have_count(0)


def test_an_example_that_finds_nothing_says_why(page: Visit, served: Served) -> None:
    session = served.start(CALM)
    page.page.reload()
    page.page.click("#running button")
    page.showing()
    index = max(page.results)
    x, y = _middle_of_an_object(str(index))
    box = {"x0": x * 640 - 40, "y0": y * 480 - 40, "x1": x * 640 + 40, "y1": y * 480 + 40}
    never = {"id": "example-1", "type": "visual", "boxes": [box], "frame_index": index, "output_prob_thresh": 1}
    with served.results(session) as socket:  # as another page of the session would ask for it
        socket.send(json.dumps({"type": "prompts", "prompts": [never]}))
        expect(page.page.locator("#prompts .name")).to_have_text(["Example 1"])
        expect(page.page.locator("#prompts small")).to_contain_text("draw the box again")
        socket.send(json.dumps({"type": "prompts", "prompts": [{"type": "text", "text": "thing"}]}))
        expect(page.page.locator("#prompts .name")).to_have_text(["thing"])
        expect(page.page.locator("#prompts small")).to_be_hidden()


def test_the_picture_stands_still_while_a_box_is_drawn(page: Visit) -> None:
    page.prompt()
    open_address(page, CALM)
    page.showing()
    _drag(page)
    next_result(page)  # and goes on
    (box,) = [sent for sent in page.sent if sent["type"] == "box"]
    assert box["frame_index"] in page.results


def _drag(page: Visit) -> int:
    """Draw a box around an object, with the mouse held long enough for new results; the frame it was drawn on."""
    x, y = _middle_of_an_object(shown_index(page))
    page.page.mouse.move(*page.pixel(max(0.0, x - 0.15), max(0.0, y - 0.2)))
    page.page.mouse.down()
    page.page.mouse.move(*page.pixel(x, y))
    frame = shown_index(page)
    newest = max(page.results)
    page.page.mouse.move(*page.pixel(min(0.99, x + 0.15), min(0.99, y + 0.2)))
    while max(page.results) <= newest:
        page.page.wait_for_timeout(20)
    assert shown_index(page) == frame
    page.page.mouse.up()
    return int(frame)


def test_the_keyboard_draws_boxes_and_removes_objects(page: Visit) -> None:
    page.prompt()
    open_address(page, CALM)
    page.showing()
    x, y = _middle_of_an_object(shown_index(page))
    page.page.focus("#screen")
    right, down = round((x - 0.5) / 0.02), round((y - 0.5) * 480 / 640 / 0.02)
    for key in (*_presses(right - 9, down - 9), "b", *_presses(18, 18), "b"):
        page.page.keyboard.press(key)
    expect(page.page.locator("#note")).to_contain_text("is followed")
    (box,) = [sent["box"] for sent in page.sent if sent["type"] == "box"]
    assert box["x0"] <= 640 * x <= box["x1"] and box["y0"] <= 480 * y <= box["y1"]
    expect(page.page.locator("#objects li")).to_have_count(1)
    page.page.click("#objects button:not([data-remove])")
    page.page.focus("#screen")
    page.page.keyboard.press("Delete")
    expect(page.page.locator("#objects li")).to_have_count(0)


def _presses(right: int, down: int) -> list[str]:
    across, along = "ArrowRight" if right > 0 else "ArrowLeft", "ArrowDown" if down > 0 else "ArrowUp"
    return [*[across] * abs(right), *[along] * abs(down)]
