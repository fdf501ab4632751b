"""Which hardware decodes video here, as far as PyAV's FFmpeg and this machine have any."""

from __future__ import annotations

from functools import cache

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

NAMES = ("auto", "cuda", "vaapi", "qsv", "videotoolbox", "vulkan", "vdpau", "d3d11va")
PROBE = "h264"  # what nearly every camera sends


def choose(wanted: str) -> tuple[str | None, str]:
    """
    The hardware to decode with, and why not the wanted one: one of the two is empty.

    ``auto`` takes the first that works. What does not work is never asked for: FFmpeg would refuse the whole stream.
    """
    built = hwdevices_available()
    if wanted == "auto":
        found = next((name for name in NAMES[1:] if name in built and not trouble(name)), None)
        return found, "" if found else "no hardware for it works on this machine"
    if wanted not in built:
        return None, f"{wanted} is not in PyAV's FFmpeg, which has {', '.join(built) or 'none'}"
    why = trouble(wanted)
    return (None, f"{wanted} does not work on this machine: {why}") if why else (wanted, "")


def accelerator(name: str) -> HWAccel:
    """For one container; what the hardware cannot decode is decoded in software. Frames come back to main memory."""
    return HWAccel(name, allow_software_fallback=True)


@cache  # of the few names above; a driver that comes later is seen by the next start of the server
def trouble(name: str) -> str:
    """Why hardware cannot be used for video here; empty if it can."""
    try:
        HWAccel(name).create(av.Codec(PROBE, "r"))
    except NotImplementedError:
        return f"FFmpeg's {PROBE} decoder does not know it"
    except (av.FFmpegError, OSError) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""
