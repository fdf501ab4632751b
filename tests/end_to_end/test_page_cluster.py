"""The page while its session goes over to another worker, and the page of the cluster, in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from streamer.app import create_app
from streamer.cluster.doors import create_front
from streamer.cluster.front import Front
from streamer.cluster.reports import Door, Report
from streamer.cluster.roster import Roster
from streamer.commands import beginning
from streamer.config import Config
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from streamer.store import Database, Kept, Origin, Store
from tests.support.browser import Visit
from tests.support.page import CALM, open_address, open_sessions, trained
from tests.support.serving import SECONDS, Served, running

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

# A browser hears of a killed worker by itself after half a minute. Here it does not hear of an end at all.
DEAF = """() => {
  const listen = RTCPeerConnection.prototype.addEventListener;
  RTCPeerConnection.prototype.addEventListener = function (name, heard) {
    listen.call(this, name, (event) => !["failed", "closed"].includes(this.connectionState) && heard(event));
  };
}"""

SECRET = b"0" * 32  # signs the tokens of the door and of its worker


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


def apart(work: Coroutine[Any, Any, Any]) -> None:
    """Run on a thread of its own: the browser's has a loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def give(page: Visit, key: str) -> None:
    """Answer the dialog that asks for a key."""
    dialog = page.page.get_by_role("dialog", name="This server wants a key")
    dialog.get_by_label("Key", exact=True).fill(key)
    dialog.get_by_role("button", name="Open").click()


def test_the_page_of_the_cluster_says_where_there_is_none(page: Visit, served: Served) -> None:
    page.page.goto(f"http://{served.address}/cluster.html")
    expect(page.page.locator("#said")).to_have_text("This server is no cluster: it runs alone, and has no workers.")
    expect(page.page.locator("#found")).to_be_hidden()


def test_the_page_of_the_cluster_asks_for_a_key_and_shows_workers_their_sessions_and_doors(
    page: Visit, tmp_path: Path
) -> None:
    """A server of this process is the one worker, of a roster that is asked in this process; another one was there."""
    config = Config(port=0, threads=1, presenters=0, api_keys=("one",))
    app = create_app(config, trained(), store=Store(Database(tmp_path / "worker.db")), secret=SECRET)
    with running(app, config) as served, contextlib.closing(Database(tmp_path / "cluster.db")) as database:
        roster = Roster(database, NotImplemented, 2)

        async def ask(method: str, *given: Any) -> Any:
            return await getattr(roster, method)(*given)

        async def begin() -> None:
            await roster.hello("worker-1", "a", f"http://{served.address}", set())
            await roster.hello("worker-2", "a", "http://127.0.0.1:9", set())
            await roster.beat("worker-1", "a", Report({session}, 1, 0.31, ready=True))
            roster.lost("worker-2")
            await roster.door(Door("http://localhost:8000", "desk"))

        served.http.headers["Authorization"] = "Bearer one"
        session = served.start("demo:?size=64x64&fps=2")
        apart(begin())
        with running(create_front(config, Front(ask), SECRET), config) as door:
            page.page.goto(f"http://{door.address}/cluster.html")
            give(page, "wrong")
            expect(page.page.get_by_role("alert")).to_have_text("The server does not know this key.")
            give(page, "one")
            expect(page.page.locator("#said")).to_have_text("1 of 2 workers are ready.")
            one, two = page.page.locator("#workers tr").all()
            expect(one).to_contain_text("ready31 %demo:")
            expect(one).to_contain_text(session)
            expect(two).to_contain_text("gone")
            expect(page.page.locator("#doors")).to_have_text("http://localhost:8000 on desk")
            roster._draining.add("worker-1")
            apart(roster.hello("worker-1", "b", f"http://{served.address}", set()))
            expect(page.page.locator("#workers tr").first).to_contain_text("draining")


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
