"""What benchmarks and tests need of the machine besides Python packages: Debian's GStreamer and its real footage."""

from __future__ import annotations

import subprocess
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's GObject bindings are not installable into a virtual environment
OPENCV_DATA = Path("/usr/share/doc/opencv-doc")
VISP_IMAGES = Path("/usr/share/visp-images-data/ViSP-images")


class Missing(RuntimeError):
    """Something is not on this machine; the message names the Debian packages that bring it."""


def gstreamer() -> str:
    """GStreamer's RTSP server through Debian's Python; the path of that Python. Raises Missing."""
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
        raise Missing(packages) from None
    if done.returncode != 0:
        raise Missing(packages)
    return SYSTEM_PYTHON


def opencv_doc(name: str) -> Path:
    """A file of Debian's opencv-doc by its name, such as ``vtest.avi``: real footage. Raises Missing."""
    found = sorted(OPENCV_DATA.rglob(name)) if OPENCV_DATA.exists() else []
    if not found:
        raise Missing("opencv-doc")
    return found[0]


def visp_images(file: str) -> Path:
    """A file of Debian's visp-images-data by its place below ``ViSP-images``: real footage. Raises Missing."""
    path = VISP_IMAGES / file
    if not path.exists():
        raise Missing("visp-images-data")
    return path
