"""Who may reach a server, made sure of before it starts: its keys, and its address."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

from streamer.auth import keys_file, new_key
from streamer.commands.terminal import Screen
from streamer.config import Config
from streamer.errors import BadRequest, NotFound
from streamer.hosts import is_loopback
from streamer.sources import trust

KEYS_FILE = "keys.json"  # in the data folder
SHORT = 16  # characters of a chosen key; ten guesses a minute find shorter ones that are words

log = logging.getLogger(__name__)


def keys_path(config: Config) -> Path:
    """The file of keys: the one that is set, or where `streamer keys` writes it. Raises BadRequest without a home."""
    return config.keys or config.data_folder / KEYS_FILE


def prepared(config: Config) -> Config:
    """
    The settings with the file of keys that there is.

    Raises BadRequest for one that is named and missing, that cannot be read, or that holds no key while there is none
    elsewhere either: such a server would be open, or open for nobody.
    """
    path = keys_path(config)
    try:
        entries = keys_file.read(path)
    except NotFound as error:
        if config.keys is None:
            return config
        raise BadRequest(error.message, detail=f"Make it: streamer keys add NAME --keys {path}") from None
    if not entries and not config.api_keys:
        detail = "Add one with `streamer keys add NAME`, or remove the file, and the server has no keys."
        raise BadRequest(f"The file of keys {path} holds no key.", detail=detail)
    return config.model_copy(update={"keys": path})


def with_key(config: Config, screen: Screen) -> Config:
    """The same settings, with a key made for this start where there is none and one is to be made; it is printed."""
    if has_keys(config) or not config.make_key:
        return config
    key = new_key()
    screen.say(f"streamer: this start's key is {key}")
    screen.say("          (STREAMER_API_KEYS sets one that stays, `streamer keys add NAME` makes one in a file)")
    return config.model_copy(update={"api_keys": (key,)})


def has_keys(config: Config) -> bool:
    """Whether a request needs a key."""
    return bool(config.api_keys) or config.keys is not None


def check_address(config: Config, bound: socket.socket) -> None:
    """May a server with these settings listen there? Raises BadRequest for a public address without keys."""
    host = bound.getsockname()[0]
    if is_loopback(host):
        return
    if not has_keys(config):
        if config.open:
            log.warning("%s", f"Without keys, everyone who reaches {host} may do everything: --open says so.")
            return
        raise BadRequest(
            f"Other machines can reach {host}, and this server has no keys: all of them could see and start streams.",
            detail="Make a key with `streamer keys add NAME`, or set STREAMER_API_KEYS, or --make-key makes one; "
            "--open lets everyone in.",
        )
    if any(len(key) < SHORT for key in config.api_keys):
        log.warning("A key of STREAMER_API_KEYS is shorter than %d characters, and can be guessed.", SHORT)


def check_files(config: Config) -> None:
    """Raise BadRequest in words for what sources are checked with, or may come from, and is not there."""
    trust.check(config.opening["access"])
    for root in config.source_roots:
        try:
            missing = not root.exists()
        except OSError as error:
            raise BadRequest(f"--source-root: {root} cannot be looked at: {error.strerror or error}.") from None
        if missing and not root.is_relative_to("/dev"):  # a camera may be plugged in later
            raise BadRequest(f"--source-root: there is no {root}.", detail="Make the folder first, or leave it out.")
