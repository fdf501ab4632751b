"""streamer.screen: status lines that stay below what is printed."""

from __future__ import annotations

import io
import logging
import re

import pytest

from streamer.commands.terminal import Screen, ScreenHandler


class Terminal(io.StringIO):
    """A terminal that understands the two things the screen says to it: up, and clear to the end."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        shown: list[str] = []
        text = self.getvalue().replace("\x1b[?7l", "").replace("\x1b[?7h", "")
        for part in re.split(r"(\x1b\[\d+F\x1b\[J)", text):
            if part.startswith("\x1b["):
                del shown[len(shown) - int(part[2:].split("F")[0]) :]
            else:
                shown += part.splitlines()
        return shown


def test_the_status_is_rewritten_in_place_on_a_terminal() -> None:
    terminal = Terminal()
    screen = Screen(terminal)
    screen.say("open http://…")
    screen.show(["one: 1 fps", "two: 1 fps"])
    screen.show(["one: 2 fps"])
    screen.show(["one: 3 fps", "two: 3 fps"])
    assert terminal.lines() == ["open http://…", "one: 3 fps", "two: 3 fps"]


def test_what_is_said_meanwhile_stands_above_the_status() -> None:
    terminal = Terminal()
    screen = Screen(terminal)
    screen.show(["status"])
    logger = logging.getLogger("tests.screen")
    handler = ScreenHandler(screen)
    logger.addHandler(handler)
    logger.warning("a camera went away")
    logger.removeHandler(handler)
    screen.say("another line")
    assert terminal.lines() == ["a camera went away", "another line", "status"]


def test_a_terminal_that_is_gone_does_not_end_what_logs(capsys: pytest.CaptureFixture[str]) -> None:
    gone = io.StringIO()
    handler = ScreenHandler(Screen(gone))
    gone.close()
    handler.handle(logging.makeLogRecord({"msg": "a camera went away"}))
    assert "closed file" in capsys.readouterr().err


def test_elsewhere_the_status_is_printed_now_and_then() -> None:
    plain = io.StringIO()
    screen = Screen(plain)
    for number in range(100):
        screen.show([f"status {number}"])
    screen.say("the end")
    assert plain.getvalue() == "status 0\nthe end\n"


def test_no_status_prints_nothing() -> None:
    plain = io.StringIO()
    Screen(plain).show([])
    assert plain.getvalue() == ""
