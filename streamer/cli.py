"""The command line: ``streamer serve``, ``demo``, ``run``, ``keys``, ``models``, ``drain`` and ``doctor``."""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from streamer import redaction
from streamer.choices import DEFAULT_PORT, Follower, HwAccel, Present
from streamer.commands import logs, options
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
    with logs.tracebacks():
        try:
            _need_temporary_folder()
            return command(given)
        except KeyboardInterrupt:
            return 130
        except StreamerError as error:
            return _wrong(_words(error))
        except Exception as error:
            logs.print_traceback(error)
            return 1


def _need_temporary_folder() -> None:
    """Libraries ask for one when they are imported, and would end in a traceback. Raises BadRequest."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise BadRequest(
            "There is no folder for temporary files that can be written and has room.",
            detail=f"{error.strerror}. Set TMPDIR to one.",
        ) from None


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = options.Parser(prog="streamer", description="Live video in, prompts in, masks out.")
    top.add_argument("--version", action="version", version=f"streamer {_version()}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    serve = _command(commands, "serve", _serve, "start the server")
    _serving_options(serve)
    serve.add_argument("--source", action="append", default=[], metavar="ADDRESS", help=f"{_SOURCE}; may be repeated")
    options.cluster(serve)
    serve.add_argument("--sources", type=Path, metavar="FILE", help=_SOURCES)
    _prompt_option(serve, "what to look for in the sources; may be repeated")

    demo = _command(commands, "demo", _demo, "start the server with a synthetic camera, and show how it goes")
    _serving_options(demo)
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
    _source_options(run)

    options.keys(_command(commands, "keys", _keys, "make, list and remove keys, each with what it may do"))

    options.models(_command(commands, "models", _models, "list models, fetch one, measure one on this machine"))

    options.drain(
        _command(commands, "drain", _drain, "move a cluster worker's sessions to others, and give it no more")
    )

    doctor = _command(commands, "doctor", _doctor, "say what works on this machine")
    doctor.add_argument("--port", type=options.port, default=DEFAULT_PORT, help="the port that the server will use")
    return top


def _serving_options(command: argparse.ArgumentParser) -> None:
    _model_options(command)
    _server_options(command)
    _source_options(command)
    _caller_options(command)
    options.access(command)


_SOURCES = "a YAML list of sources with their prompts; with passwords in it, a file of mode 600"
_SOURCE = "rtsp://…, http(s)://…, a file, /dev/video0 or demo:?seed=3"


def _version() -> str:
    try:
        return importlib.metadata.version("sam3-streamer")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return "(not installed)"


def _command(
    commands: argparse._SubParsersAction[options.Parser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    added.set_defaults(command=command)
    return added


def _model_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("model")
    group.add_argument(
        "--model",
        help=_MODEL,
    )
    group.add_argument("--checkpoint", type=Path, metavar="FILE", help="the model's weights: a file or a folder")
    group.add_argument("--device", help="cpu, cuda, cuda:0, cuda:0,cuda:1 or mps; default: cuda if there")
    group.add_argument("--resolution", type=options.positive, metavar="N", help=_RESOLUTION)
    group.add_argument("--plain", action="store_true", default=None, help="compute in fp32 and compile nothing")
    group.add_argument("--hwaccel", choices=get_args(HwAccel), help="hardware that decodes video; default: none")
    group.add_argument(
        "--interval", type=options.positive, metavar="N", help="looked-at frames from keyframe to keyframe (10)"
    )
    group.add_argument("--follower", choices=get_args(Follower), help=_FOLLOWER)
    group.add_argument("--present", choices=get_args(Present), help=_PRESENT)
    group.add_argument("--looks", type=options.positive, metavar="N", help=_LOOKS)
    group.add_argument("--threads", type=options.positive, metavar="N", help="of torch; default: cores - 1")


def _server_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("server")
    group.add_argument("--host", help="the address to listen on (127.0.0.1); 0.0.0.0 for all")
    group.add_argument("--port", type=options.port, help="the port to listen on (8000); 0 for a free one")
    group.add_argument("--allow-host", dest="allow_hosts", action="append", metavar="NAME", help=_ALLOW_HOST)
    group.add_argument("--allow-origin", dest="allow_origins", action="append", metavar="ORIGIN", help=_ALLOW_ORIGIN)
    group.add_argument("--rate", type=options.positive, metavar="N", help=_RATE)
    group.add_argument("--store", type=Path, metavar="FILE", help=_STORE)
    group.add_argument("--max-sessions", type=options.positive, metavar="N", help="streams at a time (8)")
    group.add_argument("--least-looks", type=options.positive, metavar="N", help=_LEAST_LOOKS)
    group.add_argument("--max-viewers", type=options.positive, metavar="N", help="viewers of a stream at a time (16)")
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


_MODEL = "nano (embedded, the default), another of `streamer models`, a weights file, or owner/repository[/file]"
_FOLLOWER = "how objects are followed between keyframes (auto)"
_RESOLUTION = "pixels the full-size model looks at: 1008, or 840, 672, 504, whose quality we have not measured"
_PRESENT = "which frames of a live source have results: all (frames, the default), or only those looked at"
_LOOKS = "looks a second that are wanted of each live source; where they cannot be had, keyframes become rarer"
_LEAST_LOOKS = "looks a second that must be left for each stream; one more that would leave fewer is refused"
_RATE = "the same as --looks; of a file, the results a second that are wanted"
_STORE = "where sessions are kept that outlive the server; none: nowhere; default of serve: the user's state folder"
_ALLOW_HOST = "without keys: a name that the server answers to besides localhost and addresses; may be repeated"
_ALLOW_ORIGIN = "without keys: an origin whose pages may use the server, like https://example.org; may be repeated"
_ICE = "stun:host:port, turn:name:password@host:port, or turn:host:port with STREAMER_TURN_SECRET; may be repeated"


def _source_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("sources")
    group.add_argument("--source-ca", type=Path, metavar="FILE", help=_SOURCE_CA)
    group.add_argument(
        "--no-source-verify", dest="source_verify", action="store_false", default=None, help=_NO_SOURCE_VERIFY
    )


def _caller_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("what callers may open")
    for flag, kind, words in (("root", "PATH", _SOURCE_ROOT), ("network", "CIDR", _SOURCE_NETWORK)):
        group.add_argument(f"--source-{flag}", dest=f"source_{flag}s", action="append", metavar=kind, help=words)
    for name, words in (("file", "no file and no device"), ("network", "no address")):
        group.add_argument(
            f"--no-{name}-sources", dest=f"{name}_sources", action="store_false", default=None, help=f"open {words}"
        )


_SOURCE_CA = "certificates (PEM) that rtsps, rtmps and https sources are checked with, in place of the system's"
_NO_SOURCE_VERIFY = "believe every certificate of rtsps, rtmps and https sources"
_SOURCE_ROOT = "a folder, file or device that sources may be in; may be repeated; then, and with keys, no other may"
_SOURCE_NETWORK = "a network that sources may be in, as 192.168.1.0/24; may be repeated; then, and with keys, no other"


def _prompt_option(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--prompt", action="append", default=[], metavar="TEXT", help=text)


# The commands


def _serve(given: argparse.Namespace) -> int:
    return _start_server(given, given.source, given.prompt, file=given.sources)


def _demo(given: argparse.Namespace) -> int:
    return _start_server(given, given.source or [DEMO_SOURCE], given.prompt or DEMO_PROMPTS, demo=True)


def _start_server(
    given: argparse.Namespace,
    sources: Sequence[str],
    prompts: Sequence[str],
    *,
    file: Path | None = None,
    demo: bool = False,
) -> int:
    from streamer.commands import access, memory

    memory.give_back_pictures()
    config = access.prepared(_config(given))
    from streamer.commands.serve import First, serve

    if config.cluster is not None and not demo:
        from streamer.cluster.serve import serve
    from streamer.commands.signals import Deadline
    from streamer.commands.terminal import Screen, ScreenHandler
    from tracker import TrackerError

    deadline = Deadline()
    try:
        with Screen(sys.stdout) as screen:
            logs.log_to(ScreenHandler(screen), verbose=given.verbose, states=not demo)
            first = First(sources, prompts, demo, file, stored=not demo)
            ended = asyncio.run(serve(config, first, screen, told=deadline.begin))
        return deadline.leave(ended)
    except TrackerError as error:
        return _wrong(_words(error))


def _run(given: argparse.Namespace) -> int:
    config = _config(given)
    from streamer.commands.run import Job, run
    from streamer.commands.signals import Deadline, signals
    from streamer.commands.terminal import Screen, ScreenHandler
    from tracker import TrackerError

    screen, deadline = Screen(sys.stderr), Deadline()
    logs.log_to(ScreenHandler(screen), verbose=False, states=False)

    async def until_stopped() -> int:
        stop = asyncio.Event()
        with signals(deadline.begin, stop.set):
            return await run(Job(given.source, given.prompt, given.out, given.video), config, stop, screen)

    try:
        return deadline.leave(asyncio.run(until_stopped()))
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


def _keys(given: argparse.Namespace) -> int:
    from streamer.commands import access, keys

    path = access.keys_path(_config(given))
    if given.action == "add":
        return keys.add(path, given.name, given.scope)
    return keys.show(path) if given.action == "list" else keys.remove(path, given.name)


def _models(given: argparse.Namespace) -> int:
    from streamer.commands import models

    if given.action == "get":
        return models.get(given.name)
    return models.bench(given.name, given.resolutions) if given.action == "bench" else models.show()


def _drain(given: argparse.Namespace) -> int:
    from streamer.commands import drain

    return drain.main(given.worker, given.server, on=not given.end)


def _doctor(given: argparse.Namespace) -> int:
    from streamer.commands import doctor

    return doctor.main(given.port)


def _config(given: argparse.Namespace) -> Config:
    """Flags, then STREAMER_* variables, then defaults. Raises BadRequest for what cannot be read."""
    from streamer.config import Config
    from streamer.webrtc import ice

    flags: dict[str, Any] = {name: value for name, value in vars(given).items() if name in Config.model_fields}
    try:
        config = Config.from_env(**flags)
        for server in config.ice_servers:
            ice.split(server)
    except ValueError as error:
        raise BadRequest(f"{error}.") from None
    return config


def _words(error: Exception) -> str:
    if isinstance(error, StreamerError) and error.detail != error.message:
        return f"{error.message} {error.detail}"
    return str(error)


def _wrong(words: str) -> int:
    print(f"streamer: {redaction.printable(redaction.in_text(words))}", file=sys.stderr)
    return WRONG


if __name__ == "__main__":
    sys.exit(main())
