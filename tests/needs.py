"""What some tests need of the machine. Missing here: the test is skipped. Missing in CI: it fails."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's GObject bindings are not installable into a virtual environment
OPENCV_DATA = Path("/usr/share/doc/opencv-doc")


def gstreamer() -> str:
    """GStreamer's RTSP server through Debian's Python; the path of that Python."""
    script = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer;"
        "Gst.init(None); find = Gst.ElementFactory.find;"
        "missing = [name for name in ('qtdemux', 'h264parse', 'rtph264pay') if not find(name)];"
        "raise SystemExit(str(missing) if missing else 0)"
    )
    packages = (
        "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
        "gstreamer1.0-plugins-bad"
    )
    try:
        done = subprocess.run([SYSTEM_PYTHON, "-c", script], capture_output=True, timeout=60)
    except FileNotFoundError:
        missing(packages)
    if done.returncode != 0:
        missing(packages)
    return SYSTEM_PYTHON


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
    found = sorted(OPENCV_DATA.rglob(name)) if OPENCV_DATA.exists() else []
    if not found:
        missing("opencv-doc")
    return found[0]


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
