"""The page and a server with keys: it asks for one, keeps a token, and puts the key into no address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from streamer.auth import Scope, keys_file
from tests.support.browser import visit
from tests.support.page import port, stop_all, trained
from tests.support.serving import Served, serving

STORED = "JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie])"

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

HALF_AN_HOUR = 30 * 60 * 1000  # ms: half of what the page's tokens hold


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Scope, str]]:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    return path, {scope: keys_file.add(path, scope.word, scope) for scope in Scope}


@pytest.fixture(scope="module")
def locked(keys: tuple[Path, dict[Scope, str]]) -> Iterator[Served]:
    with serving(trained(), threads=1, keys=keys[0]) as served:
        served.http.headers["Authorization"] = f"Bearer {keys[1][Scope.MANAGE]}"
        yield served


class Asked:
    """What a page asks the server for: addresses, and how often it exchanged a key or a token."""

    def __init__(self, page: Page) -> None:
        self.addresses = [page.url]
        self.exchanges: list[str] = []
        page.on("websocket", lambda socket: self.addresses.append(socket.url))
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        self.addresses.append(request.url)
        if request.url.endswith("/tokens"):
            self.exchanges.append(request.headers["authorization"].removeprefix("Bearer "))


def test_it_asks_for_a_key_and_goes_on_with_a_token(
    browser: Browser, locked: Served, keys: tuple[Path, dict[Scope, str]]
) -> None:
    key = keys[1][Scope.MANAGE]
    with visit(browser, f"http://localhost:{port(locked)}/") as visited:
        page = visited.page
        asked = Asked(page)
        expect(page.locator("#lock")).to_be_visible()
        page.click("#key-later")
        page.click("#shapes")  # a person who declined and starts something is asked again
        page.fill("#key", "wrong")
        page.press("#key", "Enter")
        expect(page.locator("#key-trouble")).to_have_text("The server does not know this key.")
        page.fill("#key", key)
        page.press("#key", "Enter")
        visited.showing()
        visited.stop()
        page.click("#webcam")
        visited.showing()
        visited.stop()
        assert asked.exchanges == ["wrong", key]
        page.clock.install()
        page.reload()  # the token is kept, the key is not
        page.click("#shapes")
        visited.showing()
        with page.expect_response("**/tokens") as renewed:
            page.clock.fast_forward(HALF_AN_HOUR)
        assert renewed.value.status == 200 and asked.exchanges[-1].startswith("token_")
        token = renewed.value.json()["token"]
        while token not in (stored := page.evaluate(STORED)):  # the page reads the answer after us, or not in time
            page.wait_for_timeout(20)
        visited.stop()
        assert not [each for each in [*asked.addresses, stored] if key in each]
        assert [each for each in asked.addresses if each.startswith("ws:") and "api_key=token_" in each]


def test_a_key_in_the_address_of_the_page_is_exchanged_and_taken_out(
    browser: Browser, locked: Served, keys: tuple[Path, dict[Scope, str]]
) -> None:
    """A key that may view watches what is there, and is told what it does not open."""
    locked.start("demo:?fps=10", "red circle")
    with visit(browser, f"http://localhost:{port(locked)}/?api_key={keys[1][Scope.VIEW]}#here") as visited:
        page = visited.page
        assert page.url == f"http://localhost:{port(locked)}/#here"
        page.locator("#running button").click()
        visited.showing()
        page.fill("#concept", "star")
        page.press("#concept", "Enter")
        expect(page.locator("#note")).to_contain_text("may view only")
        visited.stop()
        page.click("#shapes")
        expect(page.locator("#trouble h2")).to_have_text("This key does not open that")
        expect(page.locator("#trouble p")).to_contain_text("may view; this needs a key that may manage")
    stop_all(locked)
