"""What the page says and does when something does not work."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Playwright, Route, expect

from tests.support.browser import Visit, chromium, visit
from tests.support.page import DEMO, next_result, open_address, open_sessions, port, until_none_open
from tests.support.serving import Served

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

# When it does not work


def test_a_wrong_address_is_answered_with_the_reason(page: Visit) -> None:
    open_address(page, "/nowhere/at/all.mp4")
    expect(page.page.locator("#trouble h2")).to_have_text("The source was refused")
    expect(page.page.locator("#trouble p")).to_contain_text("/nowhere/at/all.mp4")
    page.page.click("#back")
    expect(page.page.locator("#start")).to_be_visible()


def test_a_camera_that_nobody_answers_for_shows_why_it_is_not_live(page: Visit) -> None:
    open_address(page, "rtsp://localhost:9/none")
    expect(page.page.locator("#banner")).to_contain_text("Reconnecting: ")
    page.stop()


def test_a_password_is_not_shown_while_a_camera_is_opened_nor_when_it_is_open(page: Visit) -> None:
    opening = page.page.locator("#wait p")

    def once_shown(route: Route) -> None:
        opening.wait_for()
        route.continue_()

    page.page.route("**/sessions", once_shown)
    texts = page.page.evaluate_handle(
        "() => { const seen = []; new MutationObserver(() => seen.push(document.title + document.body.outerHTML))"
        ".observe(document, { subtree: true, childList: true, attributes: true, characterData: true }); return seen; }"
    )
    open_address(page, "rtsp://admin:hunTr2@hunTr2#x@localhost:9/user=me&password=hunTr2")
    expect(page.page.locator("#banner")).to_contain_text("Reconnecting: ")
    seen = texts.evaluate("(seen) => seen.join()")
    page.page.unroute("**/sessions")
    assert "Opening the address" in seen and "rtsp://admin:***@localhost:9/***" in seen
    assert "hunTr2" not in seen + page.page.url
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


def test_a_model_that_hangs_is_told_and_not_waited_for(page: Visit) -> None:
    hangs = {"message": "The model hangs.", "detail": "A step of the model (the first) has not come back for 40 s."}
    page.page.route("**/sessions", lambda route: route.fulfill(status=503, json=hangs))
    page.page.click("#shapes")
    expect(page.page.locator("#trouble h2")).to_have_text("The model hangs")
    page.page.unroute("**/sessions")
    page.page.click("#again")
    page.showing()


def test_a_loading_model_is_waited_for(page: Visit) -> None:
    refusals = [0]

    def loading(route: Route) -> None:
        refusals[0] += 1
        if refusals[0] > 1:
            route.fallback()
        else:
            route.fulfill(status=503, json={"message": "The model is still loading.", "detail": ""})

    page.page.route("**/sessions", loading)
    page.page.click("#shapes")
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
    open_address(page, DEMO)
    page.showing()
    page.prompt("blue square")
    next_result(page)
    sockets[0].close(code=1011)
    expect(page.page.locator("#connection")).to_have_text("Reconnecting")
    expect(page.page.locator("#connection")).to_have_text("Live")
    next_result(page)
    assert lists[-1] == ["blue square"]


def show_webcam(page: Visit) -> None:
    """Start the webcam, and keep its stream as ``window.camera``."""
    page.page.evaluate(
        """() => {
          const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wanted) => (window.camera = await open(wanted));
        }"""
    )
    page.page.click("#webcam")
    page.showing()


def pull_out(page: Visit) -> None:
    """Send the event that a browser sends when the device goes; nothing in a test can pull it out."""
    page.page.evaluate("window.camera.getVideoTracks()[0].dispatchEvent(new Event('ended'))")


def test_a_camera_that_is_pulled_out_is_missed(page: Visit, served: Served) -> None:
    show_webcam(page)
    pull_out(page)
    expect(page.page.locator("#trouble h2")).to_have_text("The camera is gone")
    until_none_open(page, served)


def test_a_computer_without_a_camera_is_told_what_to_do(playwright: Playwright, served: Served) -> None:
    with chromium(playwright) as browser, visit(browser, f"http://localhost:{port(served)}/") as page:
        page.page.click("#webcam")
        expect(page.page.locator("#trouble h2")).to_have_text("No camera found")
        expect(page.page.locator("#trouble p")).to_contain_text("synthetic camera")


def test_a_refused_permission_is_explained(playwright: Playwright, served: Served) -> None:
    args = ("--use-fake-device-for-media-stream", "--deny-permission-prompts")
    with chromium(playwright, None, *args) as browser, visit(browser, f"http://localhost:{port(served)}/") as page:
        page.page.click("#webcam")
        expect(page.page.locator("#trouble h2")).to_have_text("Camera permission refused")


def test_a_page_that_is_not_secure_says_how_to_get_a_camera(playwright: Playwright, served: Served) -> None:
    rule = "--host-resolver-rules=MAP streamer.test 127.0.0.1"
    with chromium(playwright, None, rule) as browser, visit(browser, f"http://streamer.test:{port(served)}/") as page:
        page.page.click("#webcam")
        expect(page.page.locator("#trouble h2")).to_have_text("The camera needs a secure page")
        expect(page.page.locator("#trouble p")).to_contain_text("localhost")


# Coming back


def test_a_session_that_is_gone_is_opened_again_with_its_concepts(page: Visit) -> None:
    sockets: list[Any] = []
    opened: list[list[str]] = []

    def relay(socket: Any) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    def away(route: Route) -> None:
        if route.request.method == "GET":
            route.fulfill(status=404, json={"message": "No such session.", "detail": ""})
        else:
            route.fallback()

    def note(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        opened.append([each["text"] for each in body["prompts"]])
        route.fallback()

    page.page.route_web_socket("**/results*", relay)
    page.page.route("**/sessions/*", away)
    page.page.route("**/sessions", lambda route: note(route) if route.request.method == "POST" else route.fallback())
    page.prompt("blue square", "star")
    open_address(page, DEMO)
    page.showing()
    sockets[0].close(code=1012)  # as a server that is stopped does
    expect(page.page.locator("#connection")).to_have_text("Reconnecting")
    expect(page.page.locator("#connection")).to_have_text("Live")
    page.showing()
    assert len(sockets) == 2 and opened == [["blue square", "star"]] * 2


def test_a_lost_video_connection_is_made_anew_for_the_same_session(page: Visit, served: Served) -> None:
    page.page.add_init_script(
        """window.links = [];
        window.RTCPeerConnection = class extends RTCPeerConnection {
          constructor(...given) { super(...given); window.links.push(this); }
        };"""
    )
    page.page.reload()
    page.page.click("#webcam")
    page.showing("document.body.dataset.sync === 'matched'")
    (before,) = open_sessions(served)
    # What a browser reports after half a minute without an answer.
    page.page.evaluate(
        """() => {
          const [link] = window.links;
          link.close();
          Object.defineProperty(link, "connectionState", { value: "failed" });
          link.dispatchEvent(new Event("connectionstatechange"));
        }"""
    )
    expect(page.page.locator("#connection")).to_have_text("Reconnecting")
    expect(page.page.locator("#connection")).to_have_text("Live")
    newest = max(page.results)
    page.wait_for("(seen) => Number(document.getElementById('screen').dataset.index) > seen + 5", newest)
    page.showing("document.body.dataset.sync === 'matched'")
    (after,) = open_sessions(served)
    assert after["id"] == before["id"] and len(after["prompts"]) == 2
    assert page.page.evaluate("window.links.length") == 2


def test_a_camera_that_is_plugged_in_again_goes_on_by_itself(page: Visit) -> None:
    show_webcam(page)
    pull_out(page)
    expect(page.page.locator("#trouble h2")).to_have_text("The camera is gone")
    page.page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    page.showing()
    expect(page.page.locator("#connection")).to_have_text("Live")
