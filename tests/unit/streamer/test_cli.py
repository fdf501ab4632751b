"""streamer.cli as people call it: commands and mistakes."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streamer import cli
from streamer.config import Config
from tests.support.documents import ROOT

WAIT = 120  # seconds until a test gives up; a process that loads torch takes some of them


def settings(*arguments: str) -> Config:
    given = cli.parser().parse_args(arguments)
    return cli._config(given)


def test_flags_become_settings() -> None:
    found = settings(
        *(
            "serve",
            "--host",
            "0.0.0.0",
            "--port",
            "9000",
            "--model",
            "sam3",
            "--checkpoint",
            "x.pt",
            "--device",
            "cuda:0",
        ),
        *("--interval", "5", "--follower", "memory", "--threads", "3", "--max-sessions", "2"),
        *("--ice-server", "stun:a:1", "--ice-server", "turn:u:p@b:2", "--announce", "192.0.2.7"),
        *("--udp-ports", "50000-50010"),
    )
    assert found == Config(
        host="0.0.0.0",
        port=9000,
        model="sam3",
        checkpoint=Path("x.pt"),
        device="cuda:0",
        interval=5,
        follower="memory",
        threads=3,
        max_sessions=2,
        ice_servers=("stun:a:1", "turn:u:p@b:2"),
        announce=("192.0.2.7",),
        udp_ports="50000-50010",
    )


def test_without_flags_the_environment_holds_and_then_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMER_PORT", "9001")
    assert settings("serve") == Config(port=9001)
    assert settings("demo", "--port", "9002") == Config(port=9002)
    assert settings("run", "demo:").port == 9001


def test_the_demo_brings_its_camera_and_prompts_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[object, ...]] = []

    def start(given: argparse.Namespace, *what: object, file: object = None, demo: bool = False) -> int:
        started.append((*what, demo))
        return 0

    monkeypatch.setattr(cli, "_start_server", start)
    assert cli.main(["demo"]) == 0
    assert cli.main(["demo", "--source", "demo:?seed=1", "--prompt", "star"]) == 0
    assert cli.main(["serve"]) == 0
    assert started == [
        ([cli.DEMO_SOURCE], cli.DEMO_PROMPTS, True),
        (["demo:?seed=1"], ["star"], True),
        ([], [], False),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["run"],
        ["serve", "--port", "65536"],
        ["serve", "--port", "http"],
        ["serve", "--interval", "0"],
        ["serve", "--threads", "-1"],
        ["serve", "--follower", "hounds"],
        ["serve", "--max-sessions", "many"],
    ],
)
def test_a_mistake_in_the_arguments_is_told_with_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: streamer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "/nowhere/at/all.mp4", "--prompt", "x"], "no file /nowhere/at/all.mp4"),
        (["run", "gopher://x/y"], "gopher: is not a scheme"),
        (["run", "demo:", "--out", "/nowhere/out.jsonl"], "no folder /nowhere"),
        (["run", "demo:", "--video", "out.txt"], "must end in"),
        (["run", "demo:", "--checkpoint", "/nowhere.safetensors"], "/nowhere.safetensors is not a file"),
        (["run", "demo:", "--model", "giant"], "no model 'giant'"),
        (["run", "demo:", "--device", "abacus"], "not a device"),
        (["serve", "--source", "/nowhere.mp4"], "no file /nowhere.mp4"),
        (["serve", "--host", "no-such-host.invalid"], "not an address of this machine"),
        (["serve", "--host", "0.0.0.0"], "this server has no keys"),
        (["serve", "--keys", "/nowhere/keys.json"], "no file of keys /nowhere/keys.json"),
        (["serve", "--tls-cert", "/nowhere/cert.pem"], "no file /nowhere/cert.pem"),
        (["serve", "--source-ca", "/nowhere/camera.pem"], "no file /nowhere/camera.pem"),
        (["serve", "--source-ca", "/dev/null"], "/dev/null holds no certificate"),
        (["run", "demo:", "--source-ca", "/nowhere/camera.pem"], "no file /nowhere/camera.pem"),
        (["serve", "--source-root", "/nowhere"], "there is no /nowhere"),
        (["keys", "remove", "hall"], "no file of keys"),
        (["keys", "add", "hall", "--keys", "/dev/null/keys.json"], "/dev/null"),
        (["serve", "--ice-server", "http://x"], "not an ICE server"),
        (["serve", "--announce", "my.host"], "my.host"),
        (["serve", "--udp-ports", "50000"], "like 50000-50100"),
        (["serve", "--udp-ports", "50100-50000"], "the lower one first"),
        (["serve", "--udp-ports", "80-90"], "from 1024 to 65535"),
        (["serve", "--port", "0", "--checkpoint", "/nowhere.safetensors"], "is not a file"),
        (["demo", "--port", "0", "--model", "giant"], "no model 'giant'"),
    ],
)
def test_what_the_user_can_put_right_is_one_line_and_status_2(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert words in said[-1]
    assert said[-1].startswith("streamer: ")
    assert not [line for line in said if "Traceback" in line]


def test_a_variable_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMER_PORT", "eighty")
    assert cli.main(["serve"]) == 2
    assert "STREAMER_PORT is 'eighty'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["dance"]], ids=["help", "mistake"])
def test_help_and_mistakes_answer_without_loading_what_loads_slowly(arguments: list[str]) -> None:
    code = (
        "import sys; from streamer import cli\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "slow = {'torch', 'av', 'pydantic', 'numpy', 'cv2', 'fastapi', 'aiortc', 'rich'}\n"
        "sys.exit(', '.join(slow & set(sys.modules)) or 0)"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout + done.stderr for command in ("serve", "demo", "run", "doctor"))


def test_every_command_has_help() -> None:
    actions = [each for each in cli.parser()._actions if isinstance(each, argparse._SubParsersAction)]
    for command in actions[0].choices.values():
        assert command.format_help()


def test_a_port_in_use_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli.main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    out, errors = capsys.readouterr()
    assert (out, len(errors.splitlines())) == ("", 1)
    assert "is in use" in errors
