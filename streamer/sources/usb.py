"""A camera on this machine, by its Video4Linux device."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from streamer.access import Access
from streamer.errors import BadSource
from streamer.sources.address import Address, take

FOLDER = Path("/dev")
MOST_NAMED = 16  # cameras that a refusal lists
_DEVICE = re.compile(r"(/dev/[^?]+)(?:\?(.*))?")
_NUMBERED = re.compile(r"video\d+")
_FORMATS = ("mjpeg", "yuyv422", "h264", "nv12")
_WORDS = {
    errno.ENOENT: "The camera is not there: it was unplugged, or not plugged in yet.",
    errno.ENODEV: "The camera is not there: it was unplugged, or not plugged in yet.",
    errno.EACCES: "The camera may not be used: the server's user must be in the group of the device (video).",
    errno.EPERM: "The camera may not be used: the server's user must be in the group of the device (video).",
    errno.EBUSY: "Another program uses the camera.",
    errno.ENOTTY: "It is not a camera: Video4Linux does not know it.",
    errno.EINVAL: "The camera does not take these options.",
}


def matches(text: str) -> bool:
    """
    Whether this is the path of such a device: ``/dev/video0``, a name below ``/dev/v4l``, or another name of one.

    The kernel numbers cameras as it finds them; udev gives each a name that stays, as a link.
    """
    found = _DEVICE.fullmatch(text)
    if found is None:
        return False
    name = Path(found[1]).relative_to("/dev")
    if _NUMBERED.fullmatch(str(name)) or name.parts[:1] == ("v4l",):
        return True
    try:
        return _NUMBERED.fullmatch((FOLDER / name).resolve().name) is not None
    except (OSError, RuntimeError, ValueError):
        return False


def read(text: str, access: Access) -> Address:
    """
    ``/dev/video0?size=1280x720&fps=30&format=mjpeg``, each option optional: what it is, the camera decides.

    A name that is a link is opened as that: after the camera was plugged in again it leads to another number.

    Raises BadSource for a device that is not there or may not be used.
    """
    found = _DEVICE.fullmatch(text)
    if found is None or ".." in Path(found[1]).parts:
        raise BadSource(f"{text:.80} is not a camera.", detail="Write /dev/video0, or its name in /dev/v4l/by-id.")
    options = _options(take(found[2] or "", ("size", "fps", "format"), "A camera"))
    device = FOLDER / Path(found[1]).relative_to("/dev")
    access.check_path(device)
    if not device.exists():
        known = [*sorted(FOLDER.glob("video*")), *sorted(FOLDER.glob("v4l/by-id/*"))][:MOST_NAMED]
        there = ", ".join(f"/dev/{path.relative_to(FOLDER)}" for path in known) or "none"
        raise BadSource(
            f"There is no camera {found[1]}.",
            detail=f"On the server's machine there are: {there}. A container must be given it (--device {found[1]}).",
        )
    if not device.is_char_device():
        raise BadSource(f"{found[1]} is not a camera: it is not a device.")
    if not os.access(device, os.R_OK | os.W_OK):
        raise BadSource(
            f"The camera {found[1]} may not be used.",
            detail="Add the server's user to the group that owns it: usermod -aG video NAME.",
        )
    return Address(str(device), text, "v4l2", True, path=device, format="v4l2", options=options)


def words(error: Exception) -> str | None:
    """What an error of the device means, for people; None where nothing more is known."""
    return _WORDS.get(error.errno or 0) if isinstance(error, OSError) else None


def _options(given: dict[str, str]) -> dict[str, str]:
    checks = {"size": r"[1-9]\d{1,4}x[1-9]\d{1,4}", "fps": r"[1-9]\d{0,2}", "format": "|".join(_FORMATS)}
    right = {"size": "as in 1280x720", "fps": "a whole number from 1 to 999", "format": f"one of {', '.join(_FORMATS)}"}
    for name, value in given.items():
        if re.fullmatch(checks[name], value) is None:
            raise BadSource(f"{name} is {value!r:.20}; it must be {right[name]}.")
    names = {"size": "video_size", "fps": "framerate", "format": "input_format"}
    return {names[name]: value for name, value in given.items()}
