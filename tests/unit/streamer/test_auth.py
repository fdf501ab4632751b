"""API keys."""

from __future__ import annotations

import pytest
from fastapi.requests import HTTPConnection

from streamer import auth
from streamer.config import Config
from streamer.errors import Unauthorized


@pytest.mark.parametrize("key", [None, "", "anything"])
def test_without_keys_everybody_may_come_in(key: str | None) -> None:
    auth.check_key(Config(), key)


@pytest.mark.parametrize("key", ["one", "two"])
def test_any_of_the_keys_opens(key: str) -> None:
    auth.check_key(Config(api_keys=("one", "two")), key)


@pytest.mark.parametrize("key", [None, "", "three", "on", "ключ"])
def test_no_key_or_a_wrong_one_does_not(key: str | None) -> None:
    with pytest.raises(Unauthorized, match="API key"):
        auth.check_key(Config(api_keys=("one", "two")), key)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("query", "header", "key"),
    [
        ("", "", None),
        ("api_key=one", "", "one"),
        ("", "Bearer two", "two"),
        ("", "bearer two", "two"),
        ("api_key=one", "Bearer two", "one"),
        ("api_key=", "Bearer two", "two"),
        ("", "Basic dHdv", None),
        ("", "two", None),
    ],
)
async def test_a_request_or_a_websocket_brings_its_key_in_the_query_or_the_header(
    kind: str, query: str, header: str, key: str | None
) -> None:
    headers = [(b"authorization", header.encode())] if header else []
    connection = HTTPConnection({"type": kind, "query_string": query.encode(), "headers": headers})
    assert await auth.key_of(connection) == key
