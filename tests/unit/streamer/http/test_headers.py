"""What answers tell the browser; a real browser: end_to_end/test_page_headers.py."""

from __future__ import annotations

import pytest

from tests.support.asgi import Asked, asking

ORIGIN = "https://good.example"


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/static/main.js", "/sessions", "/nothing", "/healthz", "/openapi.json"]
)
async def test_every_answer_has_them(here: Asked, path: str) -> None:
    headers = (await here.http.get(path)).headers
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_a_refusal_has_them_too(here: Asked) -> None:
    answer = await here.http.get("/", headers={"Origin": ORIGIN})
    assert answer.status_code == 403
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_an_allowed_origin_may_frame_the_page() -> None:
    async with asking(allow_origins=(ORIGIN,)) as here:
        headers = (await here.http.get("/")).headers
    assert f"frame-ancestors 'self' {ORIGIN}" in headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_with_keys_other_pages_may_show_pictures() -> None:
    async with asking(api_keys=("one",)) as here:
        headers = (await here.http.get("/sessions")).headers
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
