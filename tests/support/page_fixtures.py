"""A server, a camera, a browser and the page in it. Test modules name this file in ``pytest_plugins``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.support import needs
from tests.support.browser import Camera, Visit, chromium, film, visit
from tests.support.page import port, stop_all, trained
from tests.support.serving import Served, serving

SEED = 6  # of the fake webcam's world


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    needs.chromium()
    with serving(trained(), threads=1, max_sessions=2, allow_hosts=("streamer.test",)) as served:
        yield served


@pytest.fixture(scope="session")
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
    with visit(browser, f"http://localhost:{port(served)}/") as page:
        yield page
    stop_all(served)
