"""What some tests need of the machine. Missing here: the test is skipped. Missing in CI: it fails."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks.support import debian


def gstreamer() -> str:
    """GStreamer's RTSP server through Debian's Python; the path of that Python."""
    try:
        return debian.gstreamer()
    except debian.Missing as packages:
        missing(str(packages))


def chromium() -> str:
    """A real browser; its path."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing("chromium")
    return path


def program(name: str, package: str) -> str:
    """A program of one of Debian's packages; its path."""
    path = shutil.which(name)
    if path is None:
        missing(package)
    return path


def opencv_doc(name: str) -> Path:
    """A file of Debian's opencv-doc by its name, such as ``vtest.avi``: real footage."""
    try:
        return debian.opencv_doc(name)
    except debian.Missing as packages:
        missing(str(packages))


def missing(packages: str) -> NoReturn:
    """Skip the test; in CI fail it."""
    absent(f"needs Debian's {packages}")


def absent(words: str) -> NoReturn:
    """Skip the test with what it lacks; in CI fail it."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(words)
    pytest.skip(words)


def transformers() -> None:
    """``transformers``, whose own SAM3 ours is compared with."""
    if importlib.util.find_spec("transformers") is None:
        absent('needs transformers: pip install -c constraints.txt -e ".[agreement]"')


def ray() -> None:
    """Ray, which runs a cluster."""
    if importlib.util.find_spec("ray") is None:
        absent('needs Ray: pip install -c constraints.txt -e ".[cluster]"')
