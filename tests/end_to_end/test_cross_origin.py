"""A browser page from another origin that uses the API: what CORS must allow, as a real browser sees it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.support import needs
from tests.support.browser import chromium
from tests.support.models import untrained
from tests.support.pictures import patches, saved, sent
from tests.support.serving import serving

KEY = "secret"

# Runs in the page. Nothing in it is ours: fetch and WebSocket alone.
SCRIPT = """
async ({server, key, image}) => {
    const authorized = {"Authorization": `Bearer ${key}`};
    const headers = {"Content-Type": "application/json", ...authorized};
    const post = (path, body, more) =>
        fetch(server + path, {method: "POST", headers, body: JSON.stringify(body), ...more});
    const seen = {origin: location.origin};

    const found = await post("/sam3/concept_segment", {image, prompts: [{text: "star", output_prob_thresh: 0}]});
    seen.concept = [found.status, found.headers.get("X-Model"), found.headers.get("X-Cache")];
    seen.fields = Object.keys(await found.json());
    const refused = await post("/sam3/visual_segment", {image}, {headers: {"Content-Type": "application/json"}});
    seen.refused = [refused.status, (await refused.json()).message];
    const wrong = await post("/sam3/visual_segment", {image, format: "drawing"});
    seen.wrong = [wrong.status, (await wrong.json()).detail[0].loc];
    const sdp = {"Content-Type": "application/sdp", ...authorized};
    const offer = await fetch(`${server}/whip`, {method: "POST", body: "no offer", headers: sdp});
    seen.whip = [offer.status, (await offer.json()).message];

    const begun = await post("/sessions", {source: "demo:?size=64x64", prompts: ["star"]});
    const session = begun.headers.get("Location");
    seen.session = [begun.status, session === `/sessions/${(await begun.json()).id}`];
    const socket = new WebSocket(`${server.replace("http", "ws")}${session}/results?api_key=${key}`);
    seen.width = await new Promise((resolve, reject) => {
        socket.onmessage = ({data}) => {
            const message = JSON.parse(data);
            if (message.type === "result") resolve(message.frame.width);
        };
        socket.onclose = ({code}) => reject(new Error(`closed: ${code}`));
    });
    const picture = await fetch(`${server}${session}/frames/latest.jpg`, {headers: authorized});
    seen.picture = [picture.status, (await picture.blob()).type];
    seen.stopped = (await fetch(server + session, {method: "DELETE", headers})).status;
    return seen;
}
"""

# As somebody else's page would use the modules of ours: from where they lie, without a build.
MODULES = """
async ({server}) => {
    const load = (name) => import(`${server}/${name}`);
    const [{createSession, deleteSession}, {Session}, {decode}] = await Promise.all(
        ["api.js", "session.js", "rle.js"].map(load));
    const made = await createSession("demo:?size=64x64", ["star"]);
    const seen = {origin: location.origin, said: []};
    const {result, session} = await new Promise((resolve, reject) => {
        const session = new Session(made.id, {pictures: true, on: {
            result: (result, blob) => blob && resolve({result, blob, session}),
            state: (state) => seen.said.push(state),
            line: () => {},
            failure: reject,
            gone: reject,
        }});
    });
    const ack = await session.ask({type: "prompts", prompts: [{type: "text", text: "square"}]});
    session.close();
    const answer = await deleteSession(made.id);
    const masks = result.prompt_results.flatMap(({predictions}) => predictions.map(({masks}) => decode(masks)));
    return {...seen, width: result.frame.width, bytes: masks.every(({bytes}) => bytes.length === 64 * 64),
            ack: ack.type, stopped: answer.status};
}
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another web server, with an empty page."""
    folder: Path = tmp_path_factory.mktemp("elsewhere")
    (folder / "index.html").write_text("<!doctype html><title>Elsewhere</title>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.timeout(180)
def test_a_page_from_another_origin_uses_the_whole_api(elsewhere: str) -> None:
    needs.chromium()
    image = sent(saved(patches(64, 48)))
    with (
        serving(untrained(), api_keys=(KEY,)) as served,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        page = browser.new_page()
        page.goto(elsewhere)
        server = f"http://{served.address}"
        seen = page.evaluate(SCRIPT, {"server": server, "key": KEY, "image": image})
    assert seen["origin"] == elsewhere
    assert seen["concept"] == [200, "nano", "miss"]
    assert seen["fields"] == ["prompt_results", "time"]
    assert seen["refused"] == [401, "An API key is needed."]
    assert seen["wrong"] == [422, ["body", "format"]]
    assert seen["whip"] == [400, "The body is not SDP: it does not begin with v=0."]
    assert seen["session"] == [201, True]
    assert seen["width"] == 64
    assert seen["picture"] == [200, "image/jpeg"]
    assert seen["stopped"] == 204


@pytest.mark.timeout(180)
def test_a_page_from_another_origin_imports_our_modules(elsewhere: str) -> None:
    needs.chromium()
    with (
        serving(untrained(), allow_origins=(elsewhere,)) as served,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        page = browser.new_page()
        page.goto(f"{elsewhere}/?api_key={KEY}")
        seen = page.evaluate(MODULES, {"server": f"http://{served.address}"})
    assert (seen["origin"], seen["width"], seen["ack"], seen["stopped"]) == (elsewhere, 64, "ack", 204)
    assert "live" in seen["said"] and seen["bytes"]
