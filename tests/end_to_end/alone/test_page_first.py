"""The page as someone meets it: how soon the first mask is there, what is read aloud, and what moves by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Visit, visit
from tests.support.page import CALM, open_address, port, stop_all
from tests.support.serving import Served

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(120)

SOON = 3.0  # seconds from pressing start to the first mask on the picture; the browser shares the server's two cores
CONTROLS = {"button", "textbox", "searchbox", "combobox", "slider", "checkbox", "radio", "link", "spinbutton", "switch"}


@pytest.mark.parametrize("source", ["webcam", "shapes", "things"])
def test_the_first_mask_is_there_within_three_seconds(page: Visit, source: str) -> None:
    """By the page's own clock, from the press until a picture with masks is on the canvas."""
    if source == "webcam":
        page.prompt("circle", "star", "square", "heart", "triangle")  # whatever is in its world
    milliseconds = page.page.evaluate(
        """(source) => new Promise((done) => {
          const began = performance.now(), screen = document.getElementById("screen");
          const look = () =>
            Number(screen.dataset.objects) > 0 ? done(performance.now() - began) : requestAnimationFrame(look);
          document.getElementById(source).click();
          look();
        })""",
        source,
    )
    print(f"{source}: first mask after {milliseconds:.0f} ms")
    assert milliseconds < 1000 * SOON


def nameless(page: Visit) -> list[str]:
    """Controls in the browser's accessibility tree that have no name to be read aloud."""
    tree = page.page.context.new_cdp_session(page.page).send("Accessibility.getFullAXTree")["nodes"]
    controls = [node for node in tree if not node["ignored"] and node["role"]["value"] in CONTROLS]
    assert len(controls) >= 5
    return [str(node["role"]["value"]) for node in controls if not node.get("name", {}).get("value", "").strip()]


def test_everything_that_can_be_pressed_has_a_name_for_those_who_do_not_see_it(page: Visit) -> None:
    assert nameless(page) == []
    page.page.click("#shapes")
    page.showing("Number(document.getElementById('screen').dataset.objects) > 0")
    assert nameless(page) == []


def test_what_becomes_of_the_connection_is_read_aloud(page: Visit) -> None:
    said = page.page.get_by_role("status").first
    expect(said).to_have_attribute("aria-live", "polite")
    expect(said).to_have_text("Idle")
    open_address(page, CALM)
    page.showing()
    expect(said).not_to_have_text("Idle")


MOVING = """() => [...document.querySelectorAll("*")].filter((each) => {
  const style = getComputedStyle(each);
  const long = (times) => times.split(",").some((time) => parseFloat(time) > 0);
  return (style.animationName !== "none" && long(style.animationDuration)) || long(style.transitionDuration);
}).length"""


@pytest.fixture(params=["reduce", "no-preference"])
def calm(request: pytest.FixtureRequest, browser: Browser, served: Served) -> Iterator[tuple[str, Visit]]:
    with visit(browser, f"http://localhost:{port(served)}/", reduced_motion=request.param) as page:
        yield request.param, page
    stop_all(served)


def test_nothing_moves_by_itself_for_who_asked_for_that(calm: tuple[str, Visit]) -> None:
    wish, page = calm
    open_address(page, CALM)
    page.showing()
    assert (page.page.evaluate(MOVING) == 0) == (wish == "reduce")
