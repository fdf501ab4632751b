"""A page of another origin in a real Chromium, and a server without keys: the page can do nothing and see nothing."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import needs
from tests.support.browser import chromium
from tests.support.models import untrained
from tests.support.serving import Served, read, serving

NAME = "rebind.example"  # which this browser takes for 127.0.0.1, as a name server may say

# Whatever a page can make a browser send; each entry says how it ended for the page.
ATTEMPTS = """
async ({server, session}) => {
    const seen = {};
    const body = JSON.stringify({source: "demo:?size=64x64"});
    const until = (make) => new Promise((resolve) => {
        const thing = make(resolve);
        setTimeout(() => resolve("nothing"), 10000);
        return thing;
    });
    const asked = async (name, path, more) => {
        seen[name] = await fetch(server + path, more).then(({type}) => type, () => "refused");
    };
    await asked("listing", "/sessions");
    await asked("picture", `/sessions/${session}/frames/latest.jpg`);
    const post = (kind, body) => ({method: "POST", body, headers: {"Content-Type": `application/${kind}`}});
    await asked("json", "/sessions", post("json", body));
    await asked("delete", `/sessions/${session}`, {method: "DELETE"});
    await asked("whip", "/whip", post("sdp", "v=0"));
    await asked("whep", `/whep/${session}`, post("sdp", "v=0"));
    await asked("sam3", "/sam3/embed_image", post("json", "{}"));
    // These may be sent without a preflight; the page sees nothing of the answer, whatever it is.
    const simple = {method: "POST", mode: "no-cors"};
    await asked("blind text", "/sessions", {...simple, body});
    await asked("blind untyped", "/sessions", {...simple, body: new Blob([body])});
    await asked("blind form", "/sessions", {...simple, body: new URLSearchParams({source: "demo:"})});
    await asked("blind get", "/sessions", {mode: "no-cors"});
    const load = (tag, path) => until((done) => {
        const element = document.createElement(tag);
        Object.assign(element, {onload: () => done("loaded"), onerror: () => done("refused"), src: server + path});
        document.body.append(element);
    });
    seen.img = await load("img", `/sessions/${session}/frames/latest.jpg`);
    seen.icon = await load("img", "/static/icon.svg");
    seen.script = await load("script", "/static/main.js");
    seen.module = await import(`${server}/session.js`).then(() => "loaded", () => "refused");
    seen.events = await until((done) => {
        const events = new EventSource(`${server}/sessions/${session}/events`);
        Object.assign(events, {onopen: () => done("open"), onerror: () => done("refused")});
    });
    seen.socket = await until((done) => {
        const socket = new WebSocket(`${server.replace("http", "ws")}/sessions/${session}/results`);
        socket.onopen = () => socket.send(JSON.stringify({type: "prompts", prompts: [{text: "mine"}]}));
        Object.assign(socket, {onmessage: () => done("message"), onclose: ({code}) => done(code)});
    });
    // A form's answer is shown in the frame, which says when it has come and nothing more.
    const frame = Object.assign(document.createElement("iframe"), {name: "frame"});
    document.body.append(frame);
    const form = Object.assign(document.createElement("form"),
        {method: "post", enctype: "text/plain", action: `${server}/sessions`, target: "frame"});
    const field = Object.assign(document.createElement("input"), {name: body.slice(0, -1) + ', "x":"', value: '"}'});
    form.append(field);
    document.body.append(form);
    await until((done) => { frame.onload = done; form.submit(); });
    return seen;
}
"""
BLIND = {"blind text", "blind untyped", "blind form", "blind get"}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    needs.chromium()
    with serving(untrained()) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    needs.chromium()
    rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
    with sync_playwright() as playwright, chromium(playwright, None, rules) as browser:
        yield browser


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The port of another web server of this machine; all its pages are empty."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title><body>")

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Empty)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


@pytest.fixture
def session(served: Served) -> Iterator[str]:
    """A session with a prompt and a picture."""
    session = served.start("demo:?size=64x64&fps=10", "circle")
    with served.results(session) as socket:
        read(socket, "result")
    yield session
    served.http.delete(f"/sessions/{session}")


def port(served: Served) -> str:
    return served.address.rpartition(":")[2]


def refused(served: Served) -> int:
    """How many requests were answered 403 so far."""
    found = re.search(r'requests_refused_total\{status="403"\} (\d+)', served.http.get("/metrics").text)
    return int(found[1]) if found else 0


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("page_host", "server_host"),
    [("localhost", "127.0.0.1"), ("localhost", "localhost")],
    ids=["cross-site", "same-site"],
)
def test_a_foreign_page_can_do_nothing(
    served: Served, session: str, browser: Browser, elsewhere: str, page_host: str, server_host: str
) -> None:
    before = refused(served)
    page = browser.new_page()
    page.goto(f"http://{page_host}:{elsewhere}/")
    seen = page.evaluate(ATTEMPTS, {"server": f"http://{server_host}:{port(served)}", "session": session})
    page.close()
    assert {seen.pop(name) for name in BLIND} <= {"opaque", "refused"}  # what the page is not told of
    assert seen.pop("socket") == 1006
    assert set(seen.values()) == {"refused"}, seen
    assert refused(served) >= before + len(seen) + len(BLIND)
    (left,) = served.http.get("/sessions").json()["sessions"]
    assert (left["id"], left["state"], left["subscribers"]) == (session, "live", 0)
    assert [prompt["text"] for prompt in left["prompts"]] == ["circle"]


def test_a_sandboxed_page_has_no_origin_and_no_luck(served: Served, browser: Browser, elsewhere: str) -> None:
    page = browser.new_page()
    page.goto(f"http://localhost:{elsewhere}/")
    address = f"http://{served.address}/sessions"
    script = f'fetch("{address}").then(() => "answered", () => "refused").then((said) => parent.postMessage(said, "*"))'
    said = page.evaluate(
        """(script) => new Promise((resolve) => {
            addEventListener("message", ({data}) => resolve(data));
            const frame = Object.assign(document.createElement("iframe"), {srcdoc: `<script>${script}</script>`});
            frame.sandbox = "allow-scripts";
            document.body.append(frame);
        })""",
        script,
    )
    page.close()
    assert said == "refused"


def test_a_page_whose_name_points_here_is_refused_and_its_link_to_the_page_is_not(
    served: Served, browser: Browser, elsewhere: str
) -> None:
    page = browser.new_page()
    assert status(page, f"http://{NAME}:{port(served)}/") == 403
    assert "--allow-host rebind.example" in page.content()
    said = page.evaluate("fetch('/sessions').then(({status}) => status)")
    assert said == 403
    page.goto(f"http://localhost:{elsewhere}/")
    page.evaluate("(address) => { location.href = address }", f"http://{served.address}/")
    page.wait_for_selector("#start", state="visible")
    page.close()


def test_a_name_that_the_server_was_told_shows_the_page(browser: Browser) -> None:
    with serving(untrained(), allow_hosts=(NAME,)) as served:
        page = browser.new_page()
        assert status(page, f"http://{NAME}:{port(served)}/") == 200
        assert page.evaluate("fetch('/sessions').then(({status}) => status)") == 200
        page.close()


def status(page: Page, address: str) -> int:
    answer = page.goto(address)
    assert answer is not None
    return answer.status
