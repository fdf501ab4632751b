"""Options of the command line about keys and TLS; those of model and server are in cli.py. It imports nothing slow."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import NoReturn

from streamer import redaction
from streamer.choices import DEFAULT_PORT

_KEYS = "the file of keys (keys.json in the data folder)"
_CLUSTER = "run sessions in Ray's cluster: auto (this machine's, or a new one), local (a new one) or ray://host:10001"
_DATA = "the folder of keys and certificates (~/.local/share/sam3-streamer)"
_SERVER = f"http://localhost:{DEFAULT_PORT}"
_SCOPE = "view (results, pictures), prompt (also prompts, clicks, /sam3), manage (everything); default: view"


class Parser(argparse.ArgumentParser):
    """One whose complaints, which repeat what was typed, show no secret of it. A password may have come in pieces."""

    def error(self, message: str) -> NoReturn:
        """Complain, and end with status 2."""
        hidden = re.sub(r"(: ).*@", rf"\g<1>{redaction.HIDDEN}@", message, count=1, flags=re.DOTALL)
        super().error(redaction.printable(redaction.in_text(hidden)))


def access(command: argparse.ArgumentParser) -> None:
    """Give a command that serves what says who may call, and how it encrypts."""
    group = command.add_argument_group("access", "keys that may manage can be set by STREAMER_API_KEYS too")
    group.add_argument("--keys", type=Path, metavar="FILE", help=_KEYS)
    group.add_argument("--make-key", action="store_true", default=None, help="without keys, make one and print it")
    group.add_argument(
        "--open", action="store_true", default=None, help="without keys, let everyone in who reaches --host"
    )
    group.add_argument("--tls", choices=["self"], help="https with a certificate made here, which is kept")
    group.add_argument("--tls-cert", type=Path, metavar="FILE", help="https with this certificate (PEM)")
    group.add_argument("--tls-key", type=Path, metavar="FILE", help="its key (PEM)")
    group.add_argument("--data", type=Path, metavar="FOLDER", help=_DATA)


def cluster(command: argparse.ArgumentParser) -> None:
    """Give ``streamer serve`` what says that its sessions run elsewhere."""
    group = command.add_argument_group("cluster")
    group.add_argument("--cluster", metavar="ADDRESS", help=_CLUSTER)
    group.add_argument("--workers", type=positive, metavar="N", help="when it is made: default one for each GPU")


def models(command: argparse.ArgumentParser) -> None:
    """Give ``streamer models`` its actions; without one it lists."""
    actions = command.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="list them: what is here, its size, the time of a look, what it can do")
    get = actions.add_parser("get", help="fetch a model's weights; what was begun is gone on with")
    get.add_argument("name", metavar="NAME", help="a model of the list, or owner/repository[/file]")
    bench = actions.add_parser("bench", help="measure a look and a detection on this machine")
    bench.add_argument("name", metavar="NAME", help="a model of the list, or a file")
    bench.add_argument("--resolution", type=int, action="append", default=[], metavar="N", dest="resolutions")


def keys(command: argparse.ArgumentParser) -> None:
    """Give ``streamer keys`` its actions."""
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make a key, and print it once")
    add.add_argument("name", metavar="NAME", help="what it is for, such as hallway-screen")
    add.add_argument("--scope", choices=["view", "prompt", "manage"], default="view", help=_SCOPE)
    actions.add_parser("list", help="list the keys, by name and scope")
    remove = actions.add_parser("remove", help="take a key away; servers that run notice it")
    remove.add_argument("name", metavar="NAME", help="the key's name")
    for action in actions.choices.values():
        action.add_argument("--keys", type=Path, metavar="FILE", help=_KEYS)
        action.add_argument("--data", type=Path, metavar="FOLDER", help=_DATA)


def drain(command: argparse.ArgumentParser) -> None:
    """Give ``streamer drain`` its options."""
    command.add_argument("worker", metavar="WORKER", help="its name in GET /cluster, such as worker-1")
    command.add_argument("--server", default=_SERVER, metavar="URL", help=f"a front door ({_SERVER})")
    command.add_argument("--end", action="store_true", help="let it have sessions again")


def port(text: str) -> int:
    """A port, 0 for a free one. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; it must be a number from 0 to 65535")
    return int(text)


def positive(text: str) -> int:
    """A number from 1 on. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)
