"""``streamer doctor``: what works on this machine, line by line."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

import av
import cv2
import torch

from streamer.choices import DEFAULT_PORT
from streamer.commands.serve import listen
from streamer.errors import BadRequest
from streamer.sources import srt
from streamer.video import lettering
from streamer.video.file import video_codec
from tracker import ENTRIES, TrackerError, kept, load_model
from tracker.model import compat

PACKAGES = ("sam3", "numpy", "opencv-python-headless", "av", "aiortc", "fastapi", "uvicorn", "websockets")
COMPILERS = "cc", "gcc", "clang"  # in the order in which Triton looks for one
ROOM = 8  # GiB: weights of the full-size model in bf16 and what one stream holds, rounded up generously
IMPORT_SECONDS = 120  # for torchvision to be imported in a process of its own


class Mark(StrEnum):
    """How a check came out. Only FAIL makes the exit status 1."""

    OK = "ok"
    NOTE = "note"  # it works, but there is something to know
    FAIL = "FAIL"


class Finding(NamedTuple):
    """One line of the table."""

    mark: Mark
    what: str
    words: str


Check = Callable[[], Iterator[Finding]]


def main(port: int = DEFAULT_PORT) -> int:
    """Print the table; returns 1 if something required does not work."""
    failed = 0
    for finding in examine(port):
        print(f"{finding.mark:<5} {finding.what:<12} {finding.words}", flush=True)
        failed += finding.mark is Mark.FAIL
    print("Everything required works." if not failed else f"{failed} of what is required do not work.")
    return 1 if failed else 0


def examine(port: int = DEFAULT_PORT) -> Iterator[Finding]:
    """Every check in turn. One that breaks is a finding too."""
    checks: list[Check] = [python, packages, torch_pair, device, threads, codecs, labels, streaming, webrtc]
    for check in [*checks, lambda: ports(port), model, fetched_models]:
        try:
            yield from check()
        except Exception as error:
            yield Finding(Mark.FAIL, getattr(check, "__name__", "check"), f"{type(error).__name__}: {error}")


def python() -> Iterator[Finding]:
    """The interpreter and the machine."""
    version = platform.python_version()
    enough = sys.version_info >= (3, 11)
    words = version if enough else f"{version}; 3.11 or newer is needed"
    yield Finding(Mark.OK if enough else Mark.FAIL, "python", f"{words}, {platform.system()} {platform.machine()}")


def packages() -> Iterator[Finding]:
    """The versions of what is used most."""
    found = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    yield Finding(Mark.OK, "packages", ", ".join(found))
    yield Finding(Mark.OK, "opencv", cv2.__version__)


def torch_pair() -> Iterator[Finding]:
    """Torch and torchvision must fit each other; where they do not, or CUDA is missing, stand-ins are used."""
    versions = f"torch {importlib.metadata.version('torch')}, torchvision {importlib.metadata.version('torchvision')}"
    command = [sys.executable, "-c", "import torchvision"]
    alone = subprocess.run(command, capture_output=True, timeout=IMPORT_SECONDS)  # noqa: S603  (our own interpreter)
    stand_ins = compat.prepare()
    words = "which fit each other" if not alone.returncode else "which do not fit: stand-ins are used"
    yield Finding(Mark.OK if not alone.returncode else Mark.NOTE, "torch", f"{versions}, {words}")
    if stand_ins:
        yield Finding(Mark.OK, "stand-ins", f"{', '.join(stand_ins)}: equal results without CUDA")


def device() -> Iterator[Finding]:
    """Where the model runs unless told otherwise."""
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        for place in range(count):
            free, total = (size / 2**30 for size in torch.cuda.mem_get_info(place))
            name, which = ("cuda", "") if count == 1 else (f"cuda:{place}", f"cuda:{place}: ")
            yield Finding(Mark.OK, "device", f"{name}: {torch.cuda.get_device_name(place)}, {total:.0f} GiB")
            words = "" if free >= ROOM else f": the full-size model wants {ROOM}, what else runs on this device?"
            yield Finding(Mark.NOTE if words else Mark.OK, "gpu memory", f"{which}{free:.1f} GiB are free{words}")
        if count > 1:
            yield Finding(Mark.NOTE, "devices", "the first is used unless --device says so: cuda:all uses all of them")
        yield from compiling()
        return
    yield Finding(Mark.NOTE, "device", "cpu: right for nano; the full-size model takes most of a minute a frame")
    if torch.version.cuda is not None:
        words = (
            f"no NVIDIA driver answers, though torch is built for CUDA {torch.version.cuda}: without a GPU all is well"
        )
        yield Finding(Mark.NOTE, "driver", f"{words}; in a container it wants --gpus all")


def compiling() -> Iterator[Finding]:
    """What compiled parts of the model need on CUDA; without it they stay off."""
    compiler = os.environ.get("CC") or next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        words = "no C compiler is here, and Triton needs one: compiled parts stay off (gcc; in Docker VARIANT=cuda)"
        yield Finding(Mark.NOTE, "compiler", words)
    else:
        yield Finding(Mark.OK, "compiler", compiler)
    there = importlib.util.find_spec("triton") is not None
    words = f"triton {importlib.metadata.version('triton')}" if there else "triton is missing: compiled parts stay off"
    yield Finding(Mark.OK if there else Mark.NOTE, "triton", words)


def threads() -> Iterator[Finding]:
    """Cores, and the OpenMP settings without which busy processes slow each other down thirtyfold."""
    cores = os.cpu_count() or 1
    yield Finding(Mark.OK, "threads", f"{cores} cores, {max(1, cores - 1)} for the model unless --threads says so")
    settings = {name: os.environ.get(name) for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")}
    shown = ", ".join(f"{name}={value}" for name, value in settings.items() if value is not None)
    passive = (settings["OMP_WAIT_POLICY"] or "").upper() == "PASSIVE"
    words = shown if passive else f"{shown}; threads that wait should sleep: OMP_WAIT_POLICY=PASSIVE"
    yield Finding(Mark.OK if passive else Mark.NOTE, "openmp", words)


def codecs() -> Iterator[Finding]:
    """What PyAV's FFmpeg decodes and encodes."""
    versions = ", ".join(f"{name} {'.'.join(map(str, each))}" for name, each in sorted(av.library_versions.items())[:2])
    yield Finding(Mark.OK, "ffmpeg", versions)
    for name, mark in (("h264", Mark.FAIL), ("libvpx", Mark.FAIL), ("hevc", Mark.NOTE), ("mjpeg", Mark.NOTE)):
        shown = "vp8" if name == "libvpx" else name
        there = _has_codec(name, "r")
        words = "can be read" if there else "cannot be read: cameras that send it will not work"
        yield Finding(Mark.OK if there else mark, f"decode {shown}", words)
    codec = video_codec()
    words = "H.264 (libx264)" if codec == "libx264" else "MPEG-4: libx264 is missing"
    yield Finding(Mark.OK if codec == "libx264" else Mark.NOTE, "encode", f"annotated videos become {words}")


def labels() -> Iterator[Finding]:
    """Whether letters on pictures are joined and turned as their script asks."""
    good = lettering.shapes()
    words = (
        "scripts are shaped (Raqm)" if good else "Pillow has no Raqm: letters neither join nor run from right to left"
    )
    yield Finding(Mark.OK if good else Mark.NOTE, "labels", words)


def streaming() -> Iterator[Finding]:
    """What PyAV's FFmpeg speaks."""
    there = "rtsp" in av.formats_available
    yield Finding(Mark.OK if there else Mark.FAIL, "rtsp", "can be pulled" if there else "is missing in PyAV's FFmpeg")
    words = "can be pulled" if srt.spoken() else "cannot be pulled: PyAV's wheels come without libsrt"
    yield Finding(Mark.OK if srt.spoken() else Mark.NOTE, "srt", words)
    there = "whip" in av.formats_available
    words = "PyAV can publish too" if there else "PyAV cannot publish; taking in does not need it"
    yield Finding(Mark.OK if there else Mark.NOTE, "whip", words)


def webrtc() -> Iterator[Finding]:
    """WebRTC needs UDP and an address other machines can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("0.0.0.0", 0))  # noqa: S104  (closed at once)
        try:
            udp.connect(("192.0.2.1", 9))  # sends nothing; the system says from where it would
            address = udp.getsockname()[0]
        except OSError:
            address = ""
    if address and not address.startswith("127."):
        yield Finding(Mark.OK, "webrtc", f"cameras reach this machine at {address}, on UDP ports the system picks")
    else:
        yield Finding(Mark.NOTE, "webrtc", "no network address: only cameras on this machine; see --announce")


def ports(port: int) -> Iterator[Finding]:
    """Whether the server's port is free."""
    try:
        with listen("127.0.0.1", port):
            yield Finding(Mark.OK, "port", f"{port} is free")
    except BadRequest as error:
        yield Finding(Mark.NOTE, "port", error.message)


def model() -> Iterator[Finding]:
    """The embedded model must load."""
    try:
        loaded = load_model("nano", device="cpu")
    except TrackerError as error:
        yield Finding(Mark.FAIL, "nano", str(error))
        return
    parameters = sum(each.numel() for each in loaded.network.parameters()) / 1e6
    known = loaded.vocabulary()
    yield Finding(Mark.OK, "nano", f"loads: {parameters:.1f} million parameters, knows {len(known or ())} words")


def fetched_models() -> Iterator[Finding]:
    """The other models are the user's to get."""
    here = [entry.name for entry in ENTRIES if entry.file is not None and kept(entry.file) is not None]
    words = (
        f"{', '.join(here)} downloaded" if here else "none but nano is here: `streamer models` lists what can be had"
    )
    yield Finding(Mark.OK if here else Mark.NOTE, "models", words)


def _has_codec(name: str, mode: str) -> bool:
    try:
        av.Codec(name, mode)  # type: ignore[arg-type]
    except av.codec.codec.UnknownCodecError:
        return False
    return True
