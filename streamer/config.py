"""What can be set, with its defaults. Filled by command line flags and ``STREAMER_*`` environment variables."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from streamer.choices import DEFAULT_PORT, Follower, HwAccel

FIRST_PORT = 1024  # UDP ports below it need privileges
_PREFIX = "STREAMER_"


def parse_ports(text: str) -> range:
    """Ports from ``50000-50100``, both included. Raises ValueError."""
    first, dash, last = text.partition("-")
    if not (dash and first.strip().isdecimal() and last.strip().isdecimal()):
        raise ValueError(f"the UDP ports are {text!r}; write the first and the last, like 50000-50100")
    ports = range(int(first), int(last) + 1)
    if not FIRST_PORT <= int(first) <= int(last) < 2**16:
        raise ValueError(f"the UDP ports are {text!r}; they must be from {FIRST_PORT} to 65535, the lower one first")
    return ports


def _ports(text: str) -> str:
    parse_ports(text)
    return text


def _network(text: str) -> str:
    ipaddress.ip_network(text)
    return text


def _address(text: str) -> str:
    ipaddress.ip_address(text)
    return text


def _key(text: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("an API key must be printable ASCII without spaces: it is sent in a header")
    return text


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


# pydantic's names of what is wrong, in fewer words than its own.
_PLAIN = {
    "int_parsing": "it must be a whole number",
    "float_parsing": "it must be a number",
    "bool_parsing": "it must be true or false",
}
_Count = Annotated[int, Field(gt=0)]
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Commas = BeforeValidator(_split)  # lists are written in variables as one,two; not as JSON


class Config(BaseSettings):
    """
    The settings of one server. Sizes are in bytes, times in seconds.

    :meth:`from_env` reads ``STREAMER_<NAME>`` too, where lists are separated by commas and an empty value counts as
    none. No file is read. Raises ValueError for what no server can be run with.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    _environment: ClassVar[bool] = False

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, lt=2**16)] = DEFAULT_PORT
    model: str = "nano"
    checkpoint: Path | None = None
    device: str | None = None
    threads: _Count | None = None  # of torch inside one operation; None: cores - 1
    resolution: int | None = None  # pixels the full-size model looks at, square; None: what it was trained at
    plain: bool = False  # fp32, and nothing compiled: what the fast ways are compared with
    hwaccel: HwAccel | None = None  # hardware that decodes streams and files; None: software
    interval: _Count = 10  # looked-at frames from one keyframe to the next
    follower: Follower = "auto"
    # Wanted results a second; past what the model can do masks are moved along by flow.
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_sessions: _Count = 8
    max_subscribers: _Count = 16  # for each session
    max_viewers: _Count = 16  # who watch its picture by WHEP, for each session
    max_waiting: int = 8  # HTTP requests in line for the model, the one being served not counted
    max_body: int = 64 * 2**20  # of one HTTP request
    embeddings_bytes: int = 512 * 2**20  # embeddings of HTTP requests' pictures: 1100 of nano's, a dozen at full size
    logits_bytes: int = 32 * 2**20  # answers kept for load_logits_from_cache: 2,000 of nano's, 100 at full size
    fetch_http: bool = False  # pictures by http:// too, not only https://
    # Private networks from which pictures may be fetched, as 10.0.0.0/8.
    fetch_networks: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, _Commas] = ()
    pictures_bytes: int = 16 * 2**20  # JPEGs kept for each session
    open_timeout: _Seconds = 10.0  # until a source must have answered
    read_timeout: _Seconds = 10.0  # until a source must have sent something
    grace: _Seconds = 30.0  # how long a lost WebRTC connection may come back
    # With the passwords of TURN servers; streamer.webrtc.sdp reads them.
    ice_servers: Annotated[tuple[str, ...], NoDecode, _Commas, Field(repr=False)] = ()
    # Further addresses of this host, put into ICE candidates.
    announce: Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], NoDecode, _Commas] = ()
    udp_ports: Annotated[str, AfterValidator(_ports)] | None = None  # of WebRTC; None: the system picks them
    api_keys: Annotated[tuple[Annotated[str, AfterValidator(_key)], ...], NoDecode, _Commas, Field(repr=False)] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Source,
        env_settings: Source,
        dotenv_settings: Source,
        file_secret_settings: Source,
    ) -> tuple[Source, ...]:
        """Keywords alone: what a program passes is what it gets, wherever it runs. No file in any case."""
        return (init_settings, env_settings) if cls._environment else (init_settings,)

    @field_validator("*", mode="before")
    @classmethod
    def _without_spaces(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @property
    def opening(self) -> dict[str, Any]:
        """How sources are opened: keywords of ``open_source``."""
        return {"open_timeout": self.open_timeout, "read_timeout": self.read_timeout, "hwaccel": self.hwaccel}

    @classmethod
    def from_env(cls, **flags: Any) -> Config:
        """
        Read the variables; flags that are not None win.

        Raises ValueError that names what cannot be read, the variable or the setting, and says what would be right.
        """
        given = {name: value for name, value in flags.items() if value is not None}
        try:
            return cls(**_Variables(**given).model_dump())
        except ValidationError as error:
            raise ValueError("; ".join(_words(each, given) for each in error.errors())) from None


class _Variables(Config):
    """The same with what the environment says."""

    _environment: ClassVar[bool] = True


def _words(error: ErrorDetails, given: dict[str, Any]) -> str:
    """What is wrong with one setting. An API key is not shown."""
    setting = str(error["loc"][0])
    name = setting if setting in given else f"{_PREFIX}{setting.upper()}"
    words = error["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
    if error["type"] == "value_error":
        return f"{name}: {words}"
    words = _PLAIN.get(error["type"], words)
    if setting == "port":
        words = "it must be a number from 0 to 65535"
    if error["type"] == "literal_error":
        words = f"it must be one of {error['ctx']['expected'].replace(chr(39), '')}"
    return f"{name} is {error['input']!r}; {words}"
