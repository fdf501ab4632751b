"""What the browser is told about the page, in a real one: it works so, and asks no other server."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.support.browser import Visit
from tests.support.page import DEMO, open_address
from tests.support.serving import Served

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)


def test_the_page_breaks_none_of_its_own_rules(page: Visit) -> None:
    """The fixture fails where the browser says that the policy forbade something, as in all tests of the page."""
    open_address(page, DEMO)
    page.prompt("circle")
    page.showing()


def test_the_policy_is_in_force(page: Visit) -> None:
    blocked = page.page.evaluate(
        """() => new Promise((resolve) => {
            addEventListener("securitypolicyviolation", ({effectiveDirective}) => resolve(effectiveDirective));
            document.body.append(Object.assign(document.createElement("script"), {textContent: "globalThis.ran = 1"}));
            setTimeout(() => resolve(null), 5000);
        })"""
    )
    assert blocked == "script-src-elem"
    assert page.page.evaluate("globalThis.ran") is None
    page.errors.clear()


def test_the_description_is_read_and_tried_without_another_server(page: Visit, served: Served) -> None:
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(urlsplit(request.url).netloc))
    here = urlsplit(page.page.url)
    page.page.goto(f"http://{here.netloc}/docs")
    calls = page.page.locator("details", has=page.page.locator("summary b"))
    page.page.wait_for_selector("details summary b")
    document = served.app.openapi()["paths"]
    assert calls.count() == sum(len(operations) for operations in document.values())
    assert set(asked) == {here.netloc}

    health = calls.filter(has_text="/healthz")
    health.locator("summary").click()
    health.locator("button").click()
    page.wait_for("() => document.querySelector('output pre')?.textContent.includes('ok')")

    start = calls.filter(has_text="POST/sessions ")
    start.locator("summary").click()
    assert "source" in start.locator("textarea").input_value()
    start.locator("textarea").fill('{"source": "demo:?size=64x64"}')
    start.locator("button").click()
    page.wait_for("() => [...document.querySelectorAll('output p')].some((p) => p.textContent.startsWith('201'))")
