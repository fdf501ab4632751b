"""What can be set, with its defaults. Filled by command line flags and ``STREAMER_*`` environment variables."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from streamer import hosts
from streamer.access import Access
from streamer.choices import DEFAULT_PORT, Follower, HwAccel, Present
from streamer.errors import BadRequest

NO_KEY = "it is set and holds no key; write the keys with commas between them, or unset it"
FIRST_PORT = 1024  # UDP ports below it need privileges
STORE_FILE = "sessions.db"
NO_STORE = Path("none")  # in place of a file: keep nothing
_PREFIX = "STREAMER_"
_KEYS = f"{_PREFIX}API_KEYS"


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


def _some(value: Any) -> Any:
    """A list of keys that is set and empty would open the server to everyone."""
    if isinstance(value, str) and not value.replace(",", " ").strip():
        raise ValueError(NO_KEY)
    return value


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
    none, except that an empty list of keys is an error. No file is read. Raises ValueError for what no server can be
    run with.
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
    present: Present = "frames"  # which frames of a live source have results: all of them, or those looked at
    presenters: Annotated[int, Field(ge=0)] | None = None  # processes that present frames; None: cores - 1; 0: threads
    # Wanted looks a second at a live source; where they cannot be had, keyframes become rarer.
    looks: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    # Wanted results a second of a recording; past what the model can do masks are moved along by flow. Of a live
    # source: the same as looks.
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    # Without keys: names that this server answers to besides addresses and localhost, and origins whose pages may use
    # it besides its own.
    allow_hosts: Annotated[tuple[Annotated[str, AfterValidator(hosts.read_host)], ...], NoDecode, _Commas] = ()
    allow_origins: Annotated[tuple[Annotated[str, AfterValidator(hosts.read_origin)], ...], NoDecode, _Commas] = ()
    max_connections: _Count | None = None  # at a time; None: half of the files this process may open, at most 1024
    max_sessions: _Count = 8
    # A stream that would leave fewer looks a second for each of all is refused.
    least_looks: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_subscribers: _Count = 16  # for each session
    max_viewers: _Count = 16  # who watch its picture, for each session
    max_waiting: int = 8  # HTTP requests in line for the model, the one being served not counted
    max_body: _Count = 32 * 2**20  # of a request with a picture: 20 MiB are 27 MiB as base64
    embeddings_bytes: int = 512 * 2**20  # embeddings of HTTP requests' pictures: 1100 of nano's, a dozen at full size
    logits_bytes: int = 32 * 2**20  # answers kept for load_logits_from_cache: 2,000 of nano's, 100 at full size
    fetch_http: bool = False  # pictures by http:// too, not only https://
    # Private networks from which pictures may be fetched, as 10.0.0.0/8.
    fetch_networks: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, _Commas] = ()
    # Who may open what is about callers: what the command line names may be anything.
    source_roots: Annotated[tuple[Path, ...], NoDecode, _Commas] = ()  # folders, files, devices that callers may open
    # Networks whose addresses callers may open, as 192.168.1.0/24.
    source_networks: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, _Commas] = ()
    file_sources: bool = True  # whether callers may open files and devices at all
    network_sources: bool = True  # whether callers may open addresses at all
    source_verify: bool = True  # whether the certificates of rtsps, rtmps and https sources must be trusted ones
    source_ca: Path | None = None  # certificates that are trusted in place of the system's: a PEM file
    pictures_bytes: int = 16 * 2**20  # JPEGs kept for each session
    open_timeout: _Seconds = 10.0  # until a source must have answered
    read_timeout: _Seconds = 10.0  # until a source must have sent something
    grace: _Seconds = 30.0  # how long a lost WebRTC connection may come back
    # With the passwords of TURN servers; streamer.webrtc.ice reads them.
    ice_servers: Annotated[tuple[str, ...], NoDecode, _Commas, Field(repr=False)] = ()
    turn_secret: Annotated[str | None, Field(repr=False)] = None  # shared with TURN servers: credentials of an hour
    # Further addresses of this host, put into ICE candidates.
    announce: Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], NoDecode, _Commas] = ()
    udp_ports: Annotated[str, AfterValidator(_ports)] | None = None  # of WebRTC; None: the system picks them
    # Chosen keys, which may manage.
    api_keys: Annotated[
        tuple[Annotated[str, AfterValidator(_key)], ...], NoDecode, _Commas, BeforeValidator(_some), Field(repr=False)
    ] = ()
    keys: Path | None = None  # the file of keys with scopes that `streamer keys` writes; None: there is none
    make_key: bool = False  # where there is no key, make one for this start, and print it
    open: bool = False  # let everyone who reaches a public address do everything, where there is no key
    data: Path | None = None  # the folder of what the server itself writes; None: data_folder
    # The file of the sessions that outlive the process; "none": there is none; None: the command decides.
    store: Path | None = None
    # Ray's cluster in which sessions run: "auto", "local", host:6379 or ray://host:10001.
    cluster: str | None = None
    workers: _Count | None = None  # of the cluster; None: one for each GPU, without GPUs one for four cores
    tls: Literal["self"] | None = None  # a certificate made here, kept in the data folder
    tls_cert: Path | None = None  # PEM, the chain from our own certificate up
    tls_key: Path | None = None  # PEM, not encrypted; None: it is in the same file

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
    def data_folder(self) -> Path:
        """Where keys and the certificate made here lie. Raises BadRequest where there is no home folder."""
        if self.data is not None:
            return self.data
        try:
            base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        except RuntimeError:
            raise BadRequest("There is no home folder for keys and certificates; name one with --data.") from None
        return Path(base) / "sam3-streamer"

    @property
    def store_file(self) -> Path:
        """Where sessions are kept if no file is named. Raises BadRequest where there is no home folder."""
        if self.data is not None:
            return self.data / STORE_FILE
        try:
            base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        except RuntimeError:
            raise BadRequest("There is no home folder for the store; name a file with --store.") from None
        return Path(base) / "sam3-streamer" / STORE_FILE

    @property
    def opening(self) -> dict[str, Any]:
        """How the sources that the command line names are opened: keywords of ``open_source``."""
        access = Access(tls_verify=self.source_verify, ca_file=self.source_ca)
        return {
            "open_timeout": self.open_timeout,
            "read_timeout": self.read_timeout,
            "hwaccel": self.hwaccel,
            "access": access,
        }

    def opening_for_callers(self, *, keyed: bool) -> dict[str, Any]:
        """The same for sources that callers name; ``keyed``: the server has keys, and opens what is listed only."""
        roots = self.source_roots if self.source_roots or keyed else None
        networks = self.source_networks if self.source_networks or keyed else None
        access = Access(
            roots if self.file_sources else (),
            networks if self.network_sources else (),
            self.source_verify,
            self.source_ca,
        )
        return {**self.opening, "access": access}

    @classmethod
    def from_env(cls, **flags: Any) -> Config:
        """
        Read the variables; flags that are not None win.

        Raises ValueError that names what cannot be read, the variable or the setting, and says what would be right.
        """
        given = {name: value for name, value in flags.items() if value is not None}
        if "api_keys" not in given and any(name.upper() == _KEYS and not value for name, value in os.environ.items()):
            raise ValueError(f"{_KEYS}: {NO_KEY}")  # other variables that are empty count as not set
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
