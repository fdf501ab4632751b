"""``streamer keys``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streamer.auth import keys_file
from streamer.commands import keys
from streamer.errors import BadRequest


def test_a_key_is_printed_alone_and_listed_without_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    assert keys.add(path, "hall", "view") == 0
    printed = capsys.readouterr()
    key = printed.out.strip()
    assert keys_file.digest_of(key) == keys_file.read(path)[0].digest
    assert "first one" in printed.err and key not in printed.err
    keys.add(path, "kitchen-screen", "manage")
    assert "first one" not in capsys.readouterr().err
    assert keys.show(path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["hall", "view"], ["kitchen-screen", "manage"]]
    assert key not in "".join(lines)


def test_the_last_key_that_is_removed_is_spoken_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    keys.add(path, "hall", "view")
    keys.add(path, "cellar", "view")
    keys.remove(path, "hall")
    assert "last one" not in capsys.readouterr().err
    keys.remove(path, "cellar")
    assert "no server starts with an empty file" in capsys.readouterr().err
    for listed in (path, tmp_path / "none.json"):
        assert keys.show(listed) == 0
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "ask",
    [lambda path: keys.add(path, "hall", "view"), keys.show, lambda path: keys.remove(path, "hall")],
    ids=["add", "list", "remove"],
)
def test_a_file_that_cannot_be_looked_for_is_named_in_words(tmp_path: Path, ask: Callable[[Path], int]) -> None:
    with pytest.raises(BadRequest, match="cannot be read: File name too long"):
        ask(tmp_path / ("x" * 300))  # longer than a name may be
