"""Tokens as text."""

from __future__ import annotations

import pytest

from streamer.auth import Scope, tokens
from streamer.auth.tokens import Token

SECRET = b"s" * 32
TOKEN = Token("0" * 32, Scope.PROMPT, 1_700_000_600.5, 1_700_086_400.0, "0123456789ab")


@pytest.mark.parametrize("token", [TOKEN, Token("a" * 32, Scope.VIEW, 1.0, 2.0)])
def test_what_is_written_is_read(token: Token) -> None:
    text = tokens.write(token, SECRET)
    assert tokens.read(text, SECRET) == token
    assert text.isascii() and text.isprintable() and len(text) < 256  # what a JSON body's api_key may have


def test_a_token_of_another_secret_or_with_any_character_changed_is_none() -> None:
    text = tokens.write(TOKEN, SECRET)
    assert tokens.read(text, b"t" * 32) is None
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert tokens.read(changed, SECRET) is None, place


@pytest.mark.parametrize("text", ["", "token_", "token_.", "token_x.y", "key_x", "token_é.ü", "token_\ud800.x", "..."])
def test_anything_else_is_none(text: str) -> None:
    assert tokens.read(text, SECRET) is None
