"""What can be set, with its defaults. Filled by command line flags and ``STREAMER_*`` environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

HwAccel = Literal["auto", "cuda", "vaapi", "qsv", "videotoolbox", "vulkan", "vdpau", "d3d11va"]
FIRST_PORT = 1024  # UDP ports below it need privileges
_POSITIVE = (
    "threads",
    "interval",
    "rate",
    "max_sessions",
    "max_subscribers",
    "max_viewers",
    "open_timeout",
    "read_timeout",
    "grace",
)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one server. Sizes are in bytes, times in seconds."""

    host: str = "127.0.0.1"
    port: int = 8000
    model: str = "nano"
    checkpoint: Path | None = None
    device: str | None = None
    threads: int | None = None  # of torch inside one operation; None: cores - 1
    resolution: int | None = None  # pixels the full-size model looks at, square; None: what it was trained at
    plain: bool = False  # fp32, and nothing compiled: what the fast ways are compared with
    hwaccel: HwAccel | None = None  # hardware that decodes streams and files; None: software
    interval: int = 10  # looked-at frames from one keyframe to the next
    follower: Literal["auto", "pvs", "memory", "flow"] = "auto"
    rate: float | None = None  # wanted results a second; past what the model can do masks are moved along by flow
    max_sessions: int = 8
    max_subscribers: int = 16  # for each session
    max_viewers: int = 16  # who watch its picture by WHEP, for each session
    max_waiting: int = 8  # HTTP requests in line for the model, the one being served not counted
    max_body: int = 64 * 2**20  # of one HTTP request
    embeddings_bytes: int = 512 * 2**20  # embeddings of HTTP requests' pictures: 1100 of nano's, a dozen at full size
    logits_bytes: int = 32 * 2**20  # answers kept for load_logits_from_cache: 2,000 of nano's, 100 at full size
    fetch_http: bool = False  # pictures by http:// too, not only https://
    fetch_networks: tuple[str, ...] = ()  # private networks from which pictures may be fetched, as 10.0.0.0/8
    pictures_bytes: int = 16 * 2**20  # JPEGs kept for each session
    open_timeout: float = 10.0  # until a source must have answered
    read_timeout: float = 10.0  # until a source must have sent something
    grace: float = 30.0  # how long a lost WebRTC connection may come back
    ice_servers: tuple[str, ...] = ()
    announce: tuple[str, ...] = ()  # further addresses of this host, put into ICE candidates
    udp_ports: str | None = None  # of WebRTC, as 50000-50100; None: the system picks them
    api_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that no server can be run with."""
        if not 0 <= self.port < 2**16:
            raise ValueError(f"port is {self.port}; it must be from 0 to 65535")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}; it must be greater than 0")

        if self.udp_ports is not None:
            parse_ports(self.udp_ports)
        for key in self.api_keys:
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                raise ValueError("an API key must be printable ASCII without spaces: it is sent in a header")

    @property
    def opening(self) -> dict[str, Any]:
        """How sources are opened: keywords of ``open_source``."""
        return {"open_timeout": self.open_timeout, "read_timeout": self.read_timeout, "hwaccel": self.hwaccel}

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **flags: Any) -> Config:
        """
        Read ``STREAMER_<NAME>``; flags that are not None win. Lists are separated by commas.

        Raises ValueError naming the variable whose value cannot be read.
        """
        values: dict[str, Any] = {}
        hints = get_type_hints(cls)
        for setting in fields(cls):
            name = f"STREAMER_{setting.name.upper()}"
            if flags.get(setting.name) is not None:
                values[setting.name] = flags[setting.name]
            elif environ.get(name):
                values[setting.name] = _read(name, environ[name], hints[setting.name])
        return cls(**values)


def _read(name: str, text: str, hint: Any) -> Any:
    if hint == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    choices = [each for part in (hint, *get_args(hint)) if get_origin(part) is Literal for each in get_args(part)]
    if choices:
        if text not in choices:
            raise ValueError(f"{name} is {text!r}; it must be one of {', '.join(choices)}")
        return text
    if hint is bool:
        words = {
            "1": True,
            "true": True,
            "yes": True,
            "on": True,
            "0": False,
            "false": False,
            "no": False,
            "off": False,
        }
        if text.strip().lower() not in words:
            raise ValueError(f"{name} is {text!r}; it must be true or false")
        return words[text.strip().lower()]
    for kind in (int, float, Path, str):
        if hint is kind or kind in get_args(hint):
            try:
                return kind(text)
            except ValueError as error:
                raise ValueError(f"{name} is {text!r}, which is not {kind.__name__}") from error
    raise TypeError(f"Config has a setting of a kind that no variable can fill: {hint}")


def parse_ports(text: str) -> range:
    """Ports from ``50000-50100``, both included. Raises ValueError."""
    first, dash, last = text.partition("-")
    if not (dash and first.strip().isdecimal() and last.strip().isdecimal()):
        raise ValueError(f"the UDP ports are {text!r}; write the first and the last, like 50000-50100")
    ports = range(int(first), int(last) + 1)
    if not FIRST_PORT <= int(first) <= int(last) < 2**16:
        raise ValueError(f"the UDP ports are {text!r}; they must be from {FIRST_PORT} to 65535, the lower one first")
    return ports
