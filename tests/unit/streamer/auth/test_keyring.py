"""Whose a key is."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.auth import MAX_SECONDS, Keyring, Scope, keys_file
from streamer.auth.slowdown import FREE
from streamer.errors import Forbidden, TooMany, Unauthorized

HERE = "192.0.2.1"


@pytest.mark.parametrize("key", [None, "", "anything"])
def test_without_keys_everyone_may_manage(key: str | None) -> None:
    assert Keyring().open
    assert Keyring().caller(key, HERE).scope is Scope.MANAGE


@pytest.mark.parametrize("key", ["one", "two"])
def test_any_of_the_keys_opens(key: str) -> None:
    assert Keyring(("one", "two")).caller(key, HERE).scope is Scope.MANAGE


@pytest.mark.parametrize("key", [None, "", "three", "on", "ключ", "\ud800"])
def test_no_key_or_a_wrong_one_does_not(key: str | None) -> None:
    with pytest.raises(Unauthorized, match="API key"):
        Keyring(("one", "two")).caller(key, HERE)


def test_what_is_kept_for_a_key_is_found_by_a_digest_of_it() -> None:
    keys = Keyring(("one", "two"))
    assert keys.caller("one", HERE).account == keys.caller("one", "192.0.2.2").account
    assert keys.caller("one", HERE).account != keys.caller("two", HERE).account
    assert "one" not in keys.caller("one", HERE).account


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_of_the_file_opens_its_scope_until_it_is_removed(path: Path) -> None:
    key = keys_file.add(path, "hall", Scope.VIEW)
    keys = Keyring((), path)
    assert not keys.open
    assert keys.caller(key, HERE).scope is Scope.VIEW
    keys_file.remove(path, "hall")
    with pytest.raises(Unauthorized):
        keys.caller(key, HERE)


def test_a_file_that_is_missing_opens_the_server_to_nobody(path: Path) -> None:
    for key in (None, "anything"):
        with pytest.raises(Unauthorized):
            Keyring((), path).caller(key, HERE)


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_stands_for_its_key_until_it_ends() -> None:
    clock, reasons = Clock(), list[str]()
    keys = Keyring(("one",), refused=reasons.append, clock=clock)
    whole = keys.caller("one", HERE)
    made = keys.token(whole, 60)
    holder = keys.caller(made.text, HERE)
    assert (holder.account, holder.scope, made.seconds) == (whole.account, Scope.MANAGE, 60)
    clock.now += 60
    with pytest.raises(Unauthorized, match="ended"):
        keys.caller(made.text, HERE)
    assert reasons == ["over"]


def test_a_token_may_be_for_less_and_never_for_more() -> None:
    keys = Keyring(("one",))
    narrow = keys.caller(keys.token(keys.caller("one", HERE), 60, Scope.VIEW, "mine").text, HERE)
    assert (narrow.scope, narrow.session) == (Scope.VIEW, "mine")
    with pytest.raises(Forbidden, match="may view"):
        keys.token(narrow, 60, Scope.PROMPT)
    with pytest.raises(Forbidden, match="for session mine only"):
        keys.token(narrow, 60, session="yours")
    again = keys.caller(keys.token(narrow, 60).text, HERE)
    assert (again.scope, again.session) == (Scope.VIEW, "mine")


def test_tokens_made_with_tokens_end_a_day_after_the_key_was_shown() -> None:
    clock = Clock()
    keys = Keyring(("one",), clock=clock)
    shown = clock.now
    made = keys.token(keys.caller("one", HERE), 600)
    while clock.now + 300 < shown + MAX_SECONDS:
        clock.now += 300
        made = keys.token(keys.caller(made.text, HERE), 600)
        assert made.token.expires <= shown + MAX_SECONDS
    clock.now = shown + MAX_SECONDS
    with pytest.raises(Unauthorized):
        keys.caller(made.text, HERE)


def test_a_token_ends_with_its_key_and_shrinks_with_its_scope(path: Path) -> None:
    key = keys_file.add(path, "hall", Scope.MANAGE)
    keys = Keyring((), path)
    text = keys.token(keys.caller(key, HERE), 60).text
    path.write_text(path.read_text().replace("manage", "view"))
    assert keys.caller(text, HERE).scope is Scope.VIEW
    keys_file.remove(path, "hall")
    with pytest.raises(Unauthorized, match="removed"):
        keys.caller(text, HERE)


def test_a_token_of_another_server_or_from_before_a_restart_is_none() -> None:
    before = Keyring(("one",))
    text = before.token(before.caller("one", HERE), 60).text
    with pytest.raises(Unauthorized, match="restarted"):
        Keyring(("one",)).caller(text, HERE)


def test_an_address_that_guesses_is_slowed_down_and_others_are_not(path: Path) -> None:
    made, reasons = keys_file.add(path, "hall", Scope.VIEW), list[str]()
    keys = Keyring(("chosen",), path, refused=reasons.append)
    token = keys.token(keys.caller("chosen", HERE), 60).text
    for number in range(FREE):
        with pytest.raises(Unauthorized):
            keys.caller(f"guess {number}", HERE)
    for guess in ("one more", "chosen"):  # it learns nothing of a right one
        with pytest.raises(TooMany) as slowed:
            keys.caller(guess, HERE)
        assert 0 < slowed.value.retry_after <= 6
    assert reasons == ["wrong"] * FREE + ["slowed"] * 2
    assert keys.caller("chosen", "192.0.2.2").scope is Scope.MANAGE
    assert keys.caller(made, HERE).scope is Scope.VIEW  # what cannot be guessed is not slowed down
    assert keys.caller(token, HERE).scope is Scope.MANAGE


def test_no_key_and_old_tokens_are_no_guesses() -> None:
    keys = Keyring(("one",))
    for _ in range(3 * FREE):
        for key in (None, "token_old.x"):
            with pytest.raises(Unauthorized):
                keys.caller(key, HERE)
    assert keys.caller("one", HERE).scope is Scope.MANAGE


def test_an_account_tells_nothing_of_its_key() -> None:
    """A digest of the key alone would let who reads a token try words until one fits."""
    accounts = {Keyring(("one",)).caller("one", HERE).account for _ in range(2)}
    assert len(accounts) == 2
