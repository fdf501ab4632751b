"""Who may import whom, and what must be declared: the contracts in pyproject.toml, and that they are read as meant."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import ROOT

BIN = Path(sys.executable).parent
LINT_IMPORTS = [str(BIN / "lint-imports"), "--no-cache"]
DEPTRY = [str(BIN / "deptry"), "--no-ansi", "streamer", "tracker"]


def said(command: list[str], folder: Path) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and the contracts, to be spoilt."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("streamer", "tracker"):
        shutil.copytree(ROOT / name, folder / name, ignore=lambda _, names: [n for n in names if not _is_code(n)])
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _is_code(name: str) -> bool:
    return name.endswith(".py") or "." not in name


def test_every_import_goes_the_way_that_is_allowed() -> None:
    status, words = said(LINT_IMPORTS, ROOT)
    assert status == 0, words


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    status, words = said(DEPTRY, ROOT)
    assert status == 0, words


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("streamer/errors.py", "from streamer.config import Config"),
        ("streamer/live/session.py", "from streamer.webrtc import sdp"),
        ("streamer/video/file.py", "from streamer.live import sessions"),
        ("streamer/sources/url.py", "import aiortc"),
        ("streamer/engine.py", "from tracker.model.sam3 import Sam3"),
        ("streamer/client/sync.py", "from streamer.frame import Frame"),
        ("streamer/client/sync.py", "from tracker import Box"),
        ("streamer/cli.py", "import pytest"),
        ("streamer/newcomer.py", "import math"),
        ("tracker/rle.py", "from tracker.types import Box"),
        ("tracker/model/memory.py", "import asyncio"),
        ("tracker/model/memory.py", "from streamer.frame import Frame"),
        ("tracker/stream/tracker.py", "from tracker.training import recipe"),
        ("tracker/checkpoints/weights.py", "import httpx"),
        ("streamer/sources/base.py", "from streamer.sources import url"),
    ],
)
def test_an_import_that_goes_another_way_is_noticed(copy: Path, file: str, line: str) -> None:
    path = copy / file
    before = path.read_text() if path.exists() else ""
    path.write_text(f"{before}\n\ndef late() -> None:\n    {line}\n")
    try:
        status, words = said(LINT_IMPORTS, copy)
    finally:
        path.write_text(before) if before else path.unlink()
    assert status == 1, words
    assert "BROKEN" in words or "not listed" in words.lower() or "missing" in words.lower(), words


@pytest.mark.parametrize("line", ["import requests", "import pytest", "import jinja2"])
def test_an_import_that_nothing_declares_is_noticed(copy: Path, line: str) -> None:
    path = copy / "streamer" / "frame.py"
    before = path.read_text()
    path.write_text(f"{before}\n\n{line}\n")
    try:
        status, words = said(DEPTRY, copy)
    finally:
        path.write_text(before)
    assert status == 1, words
    assert "streamer/frame.py" in words
