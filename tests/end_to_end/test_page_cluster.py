"""The page while its session goes over to another worker, and the page of the cluster, in a real browser."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.sync_api import expect

from streamer.commands import beginning
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from streamer.store import Kept, Origin
from tests.support.browser import Visit
from tests.support.page import CALM, open_address, open_sessions
from tests.support.serving import SECONDS, Served

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

# A browser hears of a killed worker by itself after half a minute. Here it does not hear of an end at all.
DEAF = """() => {
  const listen = RTCPeerConnection.prototype.addEventListener;
  RTCPeerConnection.prototype.addEventListener = function (name, heard) {
    listen.call(this, name, (event) => !["failed", "closed"].includes(this.connectionState) && heard(event));
  };
}"""


def move(served: Served, address: str, origin: Origin) -> dict[str, Any]:
    """Take the one session from its worker, and give it to another one, which is the same process here; as it was."""
    (before,) = open_sessions(served)
    sessions: Sessions = served.app.state.sessions
    session: Session = sessions.get(before["id"])
    kept = Kept.new(address, session.prompts, origin, id=session.id)

    async def over() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(sessions.hand_over(session.id))
            await asyncio.sleep(0)  # it is in the list no more
            beginning.again(served.app, kept)

    loop = sessions._tasks[session].get_loop()
    asyncio.run_coroutine_threadsafe(over(), loop).result(SECONDS)
    return before


def test_a_stream_that_is_moved_goes_on_by_itself(page: Visit, served: Served) -> None:
    page.prompt("circle")
    open_address(page, CALM)
    page.showing()
    page.page.evaluate("document.getElementById('screen').dataset.index = 'before'")
    before = move(served, CALM, Origin.HTTP)
    page.wait_for("() => document.getElementById('screen').dataset.index !== 'before'")
    page.showing()
    expect(page.page.locator("#connection")).to_have_text("Live")
    (after,) = open_sessions(served)
    assert after["id"] == before["id"]
    assert [each["text"] for each in after["prompts"]] == ["circle"]


def test_a_webcam_whose_session_is_moved_is_connected_anew_for_the_same_session(page: Visit, served: Served) -> None:
    page.page.evaluate(DEAF)
    page.page.click("#webcam")
    page.showing("document.body.dataset.sync === 'matched'")
    before = move(served, "webrtc", Origin.WHIP)
    page.wait_for("async (id) => (await (await fetch(`/sessions/${id}`)).json()).state === 'live'", before["id"])
    page.showing("document.body.dataset.sync === 'matched'")
    expect(page.page.locator("#connection")).to_have_text("Live")
    (after,) = open_sessions(served)
    assert after["id"] == before["id"]
    assert [each["text"] for each in after["prompts"]] == [each["text"] for each in before["prompts"]]
