"""The page and its files, by name and nothing else."""

from __future__ import annotations

import re

import pytest

from streamer.app import web_folder
from streamer.http.page import MODULES
from tests.support.asgi import Asked, asking


async def test_the_page_stands_at_the_root(here: Asked) -> None:
    answer = await here.http.get("/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert (web_folder() / "index.html").read_bytes() == answer.content
    assert (await here.http.head("/")).status_code == 200


async def test_what_the_page_names_is_there(here: Asked) -> None:
    names = re.findall(r'(?:href|src)="(static/[^"]+)"', (await here.http.get("/")).text)
    assert len(names) > 5
    for name in names:
        assert (await here.http.get(f"/{name}")).status_code == 200, name


async def test_every_file_of_the_page_is_static(here: Asked) -> None:
    for file in web_folder().iterdir():
        answer = await here.http.get(f"/static/{file.name}")
        assert (answer.status_code, answer.content) == (200, file.read_bytes()), file.name


async def test_a_file_that_has_not_changed_is_not_sent_again(here: Asked) -> None:
    for address in ("/", "/static/main.js", "/api.js"):
        tag = (await here.http.get(address)).headers["ETag"]
        assert (await here.http.get(address, headers={"If-None-Match": tag})).status_code == 304


async def test_modules_for_other_origins_keep_their_addresses_and_need_nothing_else() -> None:
    async with asking(api_keys=("one",)) as here:
        await _modules(here)


async def _modules(here: Asked) -> None:
    for name in MODULES:
        answer = await here.http.get(f"/{name}", headers={"Origin": "http://elsewhere"})
        assert answer.status_code == 200
        assert "javascript" in answer.headers["Content-Type"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert set(re.findall(r'from "\./([^"]+)"', answer.text)) <= set(MODULES)


@pytest.mark.parametrize(
    "path", ["/main.js", "/index.html", "/static/", "/static/no.js", "/static/../app.py", "/static/%2e%2e/app.py"]
)
async def test_nothing_is_looked_for_at_other_addresses(here: Asked, path: str) -> None:
    answer = await here.http.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"message", "detail"}


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/static/main.js", "GET, HEAD"),
        ("PUT", "/sessions", "GET, POST"),
        ("PATCH", "/healthz", "GET"),
        ("GET", "/sam3/concept_segment", "POST"),
    ],
)
async def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_takes(
    here: Asked, method: str, path: str, allow: str
) -> None:
    answer = await here.http.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    assert set(answer.json()) == {"message", "detail"}
