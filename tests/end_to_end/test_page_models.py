"""The page's panel of models: fetched with progress, gone over to while a session runs, and only for who may manage."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from streamer.auth import Scope, keys_file
from streamer.models import loading
from tests.support import second_model
from tests.support.browser import Visit, visit
from tests.support.hub import Hub
from tests.support.page import CALM, open_address, open_sessions, port, stop_all, trained
from tests.support.second_model import FILE, NAME
from tests.support.serving import SECONDS, Served, serving
from tests.support.squares import ids
from tracker import WeightsError, load_model

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def data() -> bytes:
    return second_model.content(load_model("nano", fold=False))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> Iterator[Hub]:
    cache = tmp_path_factory.mktemp("cache")
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        second_model.offered(monkeypatch, cache, data, threshold=0.4) as (hub, _),
    ):
        yield hub


@pytest.fixture(scope="module")
def server(hub: Hub) -> Iterator[Served]:
    with serving(trained(), threads=1) as served:
        yield served


@pytest.fixture
def page(browser: Browser, server: Served) -> Iterator[Visit]:
    with visit(browser, f"http://localhost:{port(server)}/") as page:
        yield page
    stop_all(server)


def row(page: Visit, name: str = NAME) -> Locator:
    return page.page.locator(f'#model-list li[data-model="{name}"]')


def found(page: Visit) -> set[int]:
    return set(ids(page.results[max(page.results)])) if page.results else set()


def until_found(page: Visit, besides: set[int]) -> set[int]:
    """The ids of a result in which there is something, and none of those."""
    for _ in range(600):
        if (now := found(page)) and not now & besides:
            return now
        page.page.wait_for_timeout(100)
    raise AssertionError(f"nothing besides {besides} in {len(page.results)} results")


def fail(*_: object) -> None:
    raise WeightsError("the file ends at byte 12.")


def test_a_model_is_fetched_by_keyboard_with_progress_and_what_goes_wrong_is_told(
    page: Visit, hub: Hub, data: bytes
) -> None:
    page.page.click("#model-name")
    expect(page.page.locator("#model-name")).to_have_text("nano")
    expect(row(page, "nano")).to_have_attribute("aria-current", "true")
    expect(row(page, "nano").locator("button")).to_be_disabled()  # until another resolution is chosen
    expect(row(page, "efficientsam3-ev").locator(".figures")).to_contain_text("468 MB · a look here: about ")
    hub.files[FILE.name] = bytes(len(data))
    row(page).locator("button").focus()
    page.page.keyboard.press("Enter")
    expect(row(page).locator(".why")).to_contain_text("is not the file that is known here")
    expect(row(page).locator("button")).to_have_text("Go on")
    hub.files[FILE.name], hub.most = data, 2**20  # in pieces
    row(page).locator("button").press("Enter")
    expect(row(page).locator("progress")).to_be_visible()
    hub.most = len(data)
    expect(row(page).locator("button")).to_have_text("Use")
    expect(row(page).locator(".why")).to_be_hidden()


def use(page: Visit) -> None:
    """Press the second model's button, once that can be used."""
    expect(row(page).locator("button")).to_have_text("Use")
    row(page).locator("button").press("Enter")


def test_a_model_is_gone_over_to_while_the_first_one_answers_and_prompts_are_kept(
    page: Visit, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.http.post(f"/models/{NAME}/download")  # unless it is here
    page.prompt("thing", "circle")
    open_address(page, CALM)
    page.showing()
    before = until_found(page, set())
    page.page.click("#model-name")
    said = page.page.locator("#model-said")
    with monkeypatch.context() as broken:
        broken.setattr(loading, "read", fail)
        use(page)
        expect(said).to_have_text("Second cannot be used: the file ends at byte 12. The present model goes on.")
    begun, go_on, really = threading.Event(), threading.Event(), loading.read

    def held(*given: Any) -> Any:
        given[-1]("reading slowly")
        begun.set()
        assert go_on.wait(SECONDS)
        return really(*given)

    monkeypatch.setattr(loading, "read", held)
    use(page)
    assert begun.wait(SECONDS)
    expect(said).to_contain_text("Going over to Second: reading slowly.")
    expect(row(page).locator("button")).to_be_disabled()
    seen = max(page.results)
    page.wait_for("(seen) => Number(document.getElementById('screen').dataset.index) > seen + 3", seen)
    before |= found(page)
    go_on.set()
    expect(page.page.locator("#model-name")).to_have_text("Second")
    expect(said).to_contain_text("Second answers now.")
    expect(row(page)).to_have_attribute("aria-current", "true")
    assert min(until_found(page, before)) > max(before)
    kept_as_they_were(page, server)


def kept_as_they_were(page: Visit, server: Served) -> None:
    """The prompts, but for the threshold that was nano's own; and back to nano."""
    assert page.page.locator("#prompts .name").all_text_contents() == ["thing", "circle"]
    assert page.page.locator("#prompts output").all_text_contents() == ["0.40", "0.40"]
    (session,) = open_sessions(server)
    asked = [(each["text"], each["output_prob_thresh"]) for each in session["prompts"]]
    assert asked == [("thing", 0.4), ("circle", 0.4)]
    row(page, "nano").locator("button").click()
    expect(page.page.locator("#model-name")).to_have_text("nano")
    page.stop()


def test_asked_for_a_word_that_nano_was_never_taught_it_offers_the_model_that_would_know(page: Visit) -> None:
    open_address(page, CALM)
    page.showing()
    page.prompt("zebra")
    expect(page.page.locator("#offer span")).to_have_text("EfficientSAM3 EV (EfficientViT-B1) would know “zebra”.")
    page.page.locator("#offer button").press("Enter")
    expect(row(page, "efficientsam3-ev").locator("button")).to_be_focused()
    page.prompt("star")
    expect(page.page.locator("#offer")).to_be_hidden()
    page.stop()


def test_on_a_phone_everything_of_the_panel_fits_the_screen(browser: Browser, server: Served) -> None:
    with visit(browser, f"http://localhost:{port(server)}/", viewport={"width": 360, "height": 640}) as page:
        page.page.click("#model-name")
        expect(row(page, "sam3").locator("button")).to_have_text("Download")
        wide = page.page.evaluate(
            "[...document.querySelectorAll('#models *')].map((each) => each.getBoundingClientRect().right)"
        )
        assert max(wide) <= 360
        assert page.page.evaluate("document.documentElement.scrollWidth") == 360


def test_who_may_not_manage_sees_no_panel(browser: Browser, hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = keys_file.add(path, "prompt", Scope.PROMPT)
    with (
        serving(trained(), threads=1, keys=path) as locked,
        visit(browser, f"http://localhost:{port(locked)}/?api_key={key}") as page,
    ):
        with page.page.expect_response("**/models") as told:
            page.page.reload()
        assert told.value.json()["may_manage"] is False
        expect(page.page.locator("#models")).to_be_hidden()
