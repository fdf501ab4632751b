"""``--cluster``: what is said where it cannot be, and where it keeps what lasts."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.cluster.serve import FILE, file_of, need_ray, serve
from streamer.commands.serve import First
from streamer.commands.terminal import Screen
from streamer.config import NO_STORE, Config
from streamer.errors import BadRequest


async def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadRequest, match="needs Ray, which is not installed") as refused:
        await serve(Config(port=0, cluster="auto"), First(), Screen(io.StringIO()))
    assert "pip install 'sam3-streamer[cluster]'" in refused.value.detail


def test_with_it_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    need_ray()


def test_what_lasts_is_in_the_file_that_is_named_else_beside_the_store_of_one_machine(tmp_path: Path) -> None:
    assert file_of(Config(store=tmp_path / "x.db")) == tmp_path / "x.db"
    assert file_of(Config(data=tmp_path)) == tmp_path / FILE
    assert file_of(Config(store=NO_STORE)).name == FILE
    assert file_of(Config(store=NO_STORE)) != file_of(Config(store=NO_STORE))


def test_ray_is_loaded_by_nothing_but_a_cluster() -> None:
    assert "ray" not in sys.modules, "what this file imports has loaded it"
    code = (
        "import sys, streamer, streamer.cli as cli\ntry: cli.main(['serve', '--help'])\n"
        "finally: assert 'ray' not in sys.modules"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "--cluster ADDRESS" in shown
