"""Who may reach a server, made sure of before it starts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from streamer.auth import Scope, keys_file
from streamer.commands import access
from streamer.commands.serve import listen
from streamer.commands.terminal import Screen
from streamer.config import Config
from streamer.errors import BadRequest


def test_the_file_of_keys_in_the_data_folder_is_used_once_it_is_there(tmp_path: Path) -> None:
    config = Config(data=tmp_path)
    assert access.prepared(config) == config
    keys_file.add(access.keys_path(config), "hall", Scope.VIEW)
    assert access.prepared(config).keys == tmp_path / "keys.json"


def test_a_file_that_is_named_must_be_there_and_hold_a_key(tmp_path: Path) -> None:
    config = Config(keys=tmp_path / "my.json", data=tmp_path)
    with pytest.raises(BadRequest, match="no file of keys"):
        access.prepared(config)
    keys_file.add(access.keys_path(config), "hall", Scope.VIEW)
    assert access.prepared(config) == config
    keys_file.remove(access.keys_path(config), "hall")
    with pytest.raises(BadRequest, match="holds no key"):
        access.prepared(config)
    chosen = config.model_copy(update={"api_keys": ("secret",)})
    assert access.prepared(chosen) == chosen


def test_a_file_that_cannot_be_looked_for_starts_no_server_and_a_folder_that_is_none_has_none(tmp_path: Path) -> None:
    for config in (Config(keys=tmp_path / ("x" * 300)), Config(data=tmp_path / ("x" * 300))):
        with pytest.raises(BadRequest, match="cannot be read: File name too long"):
            access.prepared(config)
    nowhere = Config(data=Path("/dev/null/streamer"))  # as for a user without a home
    assert access.prepared(nowhere) == nowhere


def test_without_a_home_a_folder_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", none)
    with pytest.raises(BadRequest, match="name one with --data"):
        access.prepared(Config())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_needs_no_keys(host: str) -> None:
    with listen(host, 0) as bound:
        access.check_address(Config(), bound)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_a_public_address_needs_keys_or_the_word_for_none(host: str, caplog: pytest.LogCaptureFixture) -> None:
    with listen(host, 0) as bound:
        with pytest.raises(BadRequest, match="has no keys") as refused:
            access.check_address(Config(), bound)
        assert all(way in refused.value.detail for way in ("streamer keys add", "STREAMER_API_KEYS", "--open"))
        access.check_address(Config(keys=Path("keys.json")), bound)
        access.check_address(Config(api_keys=("x" * access.SHORT,)), bound)
        assert not caplog.records
        access.check_address(Config(open=True), bound)
        assert "may do everything" in caplog.text
        access.check_address(Config(api_keys=("short-password",)), bound)
        assert "can be guessed" in caplog.text and "short-password" not in caplog.text


@pytest.mark.parametrize(("more", "made"), [({}, False), ({"make_key": True}, True)])
def test_a_key_is_made_and_printed_where_that_is_asked_for(more: dict[str, Any], made: bool) -> None:
    printed = io.StringIO()
    config = access.with_key(Config(**more), Screen(printed))
    assert bool(config.api_keys) is made
    assert all(key in printed.getvalue() for key in config.api_keys)


@pytest.mark.parametrize("keys", [{"api_keys": ("secret",)}, {"keys": Path("keys.json")}])
def test_no_key_is_made_where_there_is_one(keys: dict[str, Any]) -> None:
    printed = io.StringIO()
    config = Config(make_key=True, **keys)
    assert access.with_key(config, Screen(printed)) == config
    assert printed.getvalue() == ""
