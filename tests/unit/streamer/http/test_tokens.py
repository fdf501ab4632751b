"""POST /tokens."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from streamer.auth import DEFAULT_SECONDS, MAX_SECONDS
from tests.support.asgi import Asked, asking

KEY = {"Authorization": "Bearer secret"}


async def token(here: Asked, headers: dict[str, str] = KEY, **asked: Any) -> dict[str, Any]:
    answer = await here.http.post("/tokens", json=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def bearer(made: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['token']}"}


async def test_a_key_is_exchanged_for_a_token_of_ten_minutes() -> None:
    async with asking(api_keys=("secret",)) as here:
        before = datetime.datetime.now(datetime.UTC)
        answer = await here.http.post("/tokens", headers=KEY)  # without a body
        made = answer.json()
        assert (made["scope"], made["session"], made["seconds"]) == ("manage", None, DEFAULT_SECONDS)
        left = datetime.datetime.fromisoformat(made["expires_at"]) - before
        assert DEFAULT_SECONDS - 1 < left.total_seconds() < DEFAULT_SECONDS + 60
        assert (await here.http.get("/sessions", params={"api_key": made["token"]})).status_code == 200
        assert (await here.http.post("/tokens")).status_code == 401


async def test_a_token_renews_itself_and_never_widens() -> None:
    async with asking(api_keys=("secret",)) as here:
        live = await here.start()
        narrow = await token(here, scope="view", seconds=60, session=live.session.id)
        again = await token(here, bearer(narrow))
        assert (again["scope"], again["session"]) == ("view", live.session.id)
        for wider in ({"scope": "prompt"}, {"scope": "manage"}):
            assert (await here.http.post("/tokens", json=wider, headers=bearer(narrow))).status_code == 403


async def test_a_token_of_one_session_opens_that_one() -> None:
    async with asking(api_keys=("secret",)) as here:
        mine, yours = await here.start(), (await here.start()).session.id
        only = bearer(await token(here, session=mine.session.id))
        assert (await here.http.get(f"/sessions/{mine.session.id}", headers=only)).status_code == 200
        for path in (f"/sessions/{yours}", "/sessions", "/metrics"):
            answer = await here.http.get(path, headers=only)
            assert (answer.status_code, mine.session.id in answer.text) == (403, True), path
        assert (await here.http.post("/tokens", json={"session": yours}, headers=only)).status_code == 403
        answer = await here.http.post("/tokens", json={"session": "none"}, headers=KEY)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": 0},
        {"seconds": MAX_SECONDS + 1},
        {"seconds": "long"},
        {"scope": "all"},
        {"session": ""},
        {"session": "\ud800"},
        [],
        "view",
    ],
)
async def test_what_makes_no_token_is_refused_by_name(wrong: Any) -> None:
    async with asking(api_keys=("secret",)) as here:
        answer = await here.http.post("/tokens", content=json.dumps(wrong), headers=KEY)
    assert answer.status_code == 422, answer.text


async def test_a_server_without_keys_makes_tokens_that_nobody_needs() -> None:
    async with asking() as here:
        made = await token(here, {})
        assert (await here.http.get("/sessions", headers=bearer(made))).status_code == 200
