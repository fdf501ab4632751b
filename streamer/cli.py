"""The command line: ``streamer serve``, ``demo``, ``run`` and ``doctor``."""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from streamer.choices import DEFAULT_PORT, Follower, HwAccel
from streamer.errors import BadRequest, StreamerError

if TYPE_CHECKING:
    from streamer.config import Config

# What takes long to import (torch, PyAV, pydantic) is imported by the command that needs it: help and mistakes in the
# arguments answer at once.

DEMO_PROMPTS = ("red circle", "blue thing")
DEMO_SOURCE = "demo:?size=640x480&fps=30"
WRONG = 2  # exit status for what the user can put right: argparse's own


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. What the user can put right is one line and status 2."""
    given = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except KeyboardInterrupt:
        return 130
    except StreamerError as error:
        return _wrong(_words(error))


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="streamer", description="Live video in, prompts in, masks out.")
    top.add_argument("--version", action="version", version=f"streamer {_version()}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    serve = _command(commands, "serve", _serve, "start the server")
    _model_options(serve)
    _server_options(serve)
    serve.add_argument("--source", action="append", default=[], metavar="ADDRESS", help=f"{_SOURCE}; may be repeated")
    _prompt_option(serve, "what to look for in the sources; may be repeated")

    demo = _command(commands, "demo", _demo, "start the server with a synthetic camera, and show how it goes")
    _model_options(demo)
    _server_options(demo)
    demo.add_argument(
        "--source", action="append", default=[], metavar="ADDRESS", help=f"{_SOURCE}; default {DEMO_SOURCE}"
    )
    _prompt_option(demo, f"what to look for; default: {', '.join(DEMO_PROMPTS)}")

    run = _command(commands, "run", _run, "look at a file, every frame of it, or at a live source, without a server")
    run.add_argument("source", metavar="SOURCE", help=_SOURCE)
    _prompt_option(run, "what to look for; may be repeated")
    run.add_argument(
        "--out", type=Path, metavar="FILE", help="JSON lines, one result a frame; default: standard output"
    )
    run.add_argument("--video", type=Path, metavar="FILE", help="an annotated video (.mp4, .mkv or .mov)")
    _model_options(run)

    doctor = _command(commands, "doctor", _doctor, "say what works on this machine")
    doctor.add_argument("--port", type=_port, default=DEFAULT_PORT, help="the port that the server will use")
    return top


_SOURCE = "rtsp://…, http(s)://…, a file, /dev/video0 or demo:?seed=3"


def _version() -> str:
    try:
        return importlib.metadata.version("sam3-streamer")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return "(not installed)"


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    added.set_defaults(command=command)
    return added


def _model_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("model")
    group.add_argument("--model", help="nano (embedded, the default) or sam3 (full size)")
    group.add_argument("--checkpoint", type=Path, metavar="FILE", help="the model's weights: a file or a folder")
    group.add_argument("--device", help="cpu, cuda or cuda:0; default: cuda where there is one")
    group.add_argument("--resolution", type=_positive, metavar="N", help=_RESOLUTION)
    group.add_argument("--plain", action="store_true", default=None, help="compute in fp32 and compile nothing")
    group.add_argument("--hwaccel", choices=get_args(HwAccel), help="hardware that decodes video; default: none")
    group.add_argument(
        "--interval", type=_positive, metavar="N", help="looked-at frames from keyframe to keyframe (10)"
    )
    group.add_argument("--follower", choices=get_args(Follower), help=_FOLLOWER)
    group.add_argument("--threads", type=_positive, metavar="N", help="of torch; default: cores - 1")


def _server_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("server")
    group.add_argument("--host", help="the address to listen on (127.0.0.1); 0.0.0.0 for all")
    group.add_argument("--port", type=_port, help="the port to listen on (8000); 0 for a free one")
    group.add_argument("--rate", type=_positive, metavar="N", help=_RATE)
    group.add_argument("--max-sessions", type=_positive, metavar="N", help="streams at a time (8)")
    group.add_argument("--max-viewers", type=_positive, metavar="N", help="viewers of a stream by WHEP at a time (16)")
    group.add_argument("--ice-server", dest="ice_servers", action="append", metavar="URL", help=_ICE)
    group.add_argument("--announce", action="append", metavar="IP", help="an address of this host as cameras see it")
    group.add_argument("--udp-ports", metavar="FIRST-LAST", help="of WebRTC; default: the system picks them")
    group.add_argument(
        "--fetch-http", action="store_true", default=None, help="fetch pictures by http:// too, not only https://"
    )
    group.add_argument(
        "--fetch-network",
        dest="fetch_networks",
        action="append",
        metavar="CIDR",
        help="a private network that pictures may be fetched from, such as 10.0.0.0/8; may be repeated",
    )
    group.add_argument("--verbose", action="store_true", help="log more")


_FOLLOWER = "how objects are followed between keyframes (auto)"
_RESOLUTION = "pixels the full-size model looks at: 1008, or 840, 672, 504, whose quality we have not measured"
_RATE = "results a second that are wanted; past what the model can do masks are moved along by optical flow"
_ICE = "stun:host:port or turn:name:password@host:port; may be repeated, the first of each kind is used"


def _prompt_option(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--prompt", action="append", default=[], metavar="TEXT", help=text)


# The commands


def _serve(given: argparse.Namespace) -> int:
    return _start_server(given, given.source, given.prompt, status=False)


def _demo(given: argparse.Namespace) -> int:
    return _start_server(given, given.source or [DEMO_SOURCE], given.prompt or DEMO_PROMPTS, status=True)


def _start_server(given: argparse.Namespace, sources: Sequence[str], prompts: Sequence[str], *, status: bool) -> int:
    config = _config(given)
    from streamer.commands.serve import First, serve
    from streamer.commands.terminal import Screen, ScreenHandler
    from tracker import TrackerError

    try:
        with Screen(sys.stdout) as screen:
            _log_to(ScreenHandler(screen), verbose=given.verbose, states=not status)
            return asyncio.run(serve(config, First(sources, prompts, status), screen))
    except TrackerError as error:
        return _wrong(_words(error))


def _run(given: argparse.Namespace) -> int:
    config = _config(given)
    from streamer.commands.run import Job, run
    from streamer.commands.signals import signals
    from streamer.commands.terminal import Screen, ScreenHandler
    from tracker import TrackerError

    screen = Screen(sys.stderr)
    _log_to(ScreenHandler(screen), verbose=False, states=False)

    async def until_stopped() -> int:
        stop = asyncio.Event()
        with signals(stop.set):
            return await run(Job(given.source, given.prompt, given.out, given.video), config, stop, screen)

    try:
        return asyncio.run(until_stopped())
    except TrackerError as error:
        return _wrong(_words(error))
    finally:
        _let_go_of_closed_pipe()


def _let_go_of_closed_pipe() -> None:
    """After `streamer run … | head` the interpreter would complain when it flushes standard output at its end."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _doctor(given: argparse.Namespace) -> int:
    from streamer.commands import doctor

    return doctor.main(given.port)


def _config(given: argparse.Namespace) -> Config:
    """Flags, then STREAMER_* variables, then defaults. Raises BadRequest for what cannot be read."""
    from streamer.config import Config
    from streamer.webrtc.sdp import split_ice_server

    flags: dict[str, Any] = {name: value for name, value in vars(given).items() if name in Config.model_fields}
    try:
        config = Config.from_env(**flags)
        for server in config.ice_servers:
            split_ice_server(server)
    except ValueError as error:
        raise BadRequest(f"{error}.") from None
    return config


def _log_to(handler: logging.Handler, *, verbose: bool, states: bool) -> None:
    """Warnings of everybody; of ours the loading of the model, and what becomes of sessions if not shown anyway."""
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, handlers=[handler], force=True)
    if not verbose:
        for name in ("streamer.engine", "streamer.commands.serve", *(["streamer.live.session"] if states else [])):
            logging.getLogger(name).setLevel(logging.INFO)


def _words(error: Exception) -> str:
    if isinstance(error, StreamerError) and error.detail != error.message:
        return f"{error.message} {error.detail}"
    return str(error)


def _wrong(words: str) -> int:
    print(f"streamer: {words}", file=sys.stderr)
    return WRONG


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; it must be a number from 0 to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
