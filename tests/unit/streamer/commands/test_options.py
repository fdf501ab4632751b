"""Options about keys and TLS."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from streamer.commands import options


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser()


def test_what_is_not_given_leaves_the_setting_to_the_environment(parser: argparse.ArgumentParser) -> None:
    options.access(parser)
    given = vars(parser.parse_args([]))
    assert set(given) == {"keys", "make_key", "open", "tls", "tls_cert", "tls_key", "data"}
    assert set(given.values()) == {None}
    given = vars(parser.parse_args(["--open", "--make-key", "--tls", "self", "--keys", "k.json"]))
    assert (given["open"], given["make_key"], given["tls"], given["keys"]) == (True, True, "self", Path("k.json"))


def test_a_key_may_view_unless_told_otherwise(parser: argparse.ArgumentParser) -> None:
    options.keys(parser)
    assert parser.parse_args(["add", "hall"]).scope == "view"
    assert parser.parse_args(["add", "hall", "--scope", "manage"]).scope == "manage"
    for wrong in (["add"], ["add", "hall", "--scope", "all"], ["remove"], ["show"], []):
        with pytest.raises(SystemExit):
            parser.parse_args(wrong)
