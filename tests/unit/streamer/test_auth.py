"""API keys."""

from __future__ import annotations

import pytest

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
