"""streamer.commands.terminal: status lines that stay below what is printed."""

from __future__ import annotations

import io
import logging
import re

import pytest

from streamer.commands.terminal import Bar, Screen, ScreenHandler

WIDTH = 80  # columns of a terminal that does not say how many it has


class Terminal(io.StringIO):
    """A terminal that understands what is said to it: up, to the line's start, clear the line, hide the cursor."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        shown, row, column = [""], 0, 0
        for part in re.findall(r"\x1b\[[?\d;]*[a-zA-Z]|\r|\n|[^\x1b\r\n]+", self.getvalue()):
            if part == "\n":
                row, column = row + 1, 0
                shown += [""] * (row == len(shown))
            elif part == "\r":
                column = 0
            elif part.endswith("A"):
                row -= int(part[2:-1])
            elif part == "\x1b[2K":
                shown[row] = ""
            elif not part.startswith("\x1b["):
                shown[row] = shown[row][:column].ljust(column) + part + shown[row][column + len(part) :]
                column += len(part)
        return [line.rstrip() for line in shown if line.strip()]

    @property
    def cursor_is_hidden(self) -> bool:
        return self.getvalue().rfind("\x1b[?25l") > self.getvalue().rfind("\x1b[?25h")


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


def test_a_long_status_is_cut_and_a_long_line_is_not() -> None:
    """A status that wraps would leave lines behind; a log line that is broken up cannot be searched for."""
    terminal = Terminal()
    screen = Screen(terminal)
    screen.show(["s" * 200])
    screen.say("x" * 200)
    screen.show(["s" * 200])
    assert terminal.lines() == ["x" * 200, "s" * (WIDTH - 1) + "…"]


def test_brackets_and_colons_are_printed_as_they_are() -> None:
    """rich reads [bold] and :smile: as commands; addresses and messages of cameras may hold anything."""
    terminal, plain = Terminal(), io.StringIO()
    for out in (terminal, plain):
        Screen(out).say("rtsp://[::1]/a [bold] :smile:")
    assert terminal.lines() == ["rtsp://[::1]/a [bold] :smile:"]
    assert plain.getvalue() == "rtsp://[::1]/a [bold] :smile:\n"


def test_the_last_status_stays_and_the_cursor_comes_back() -> None:
    terminal = Terminal()
    with Screen(terminal) as screen:
        screen.show(["one: 1 fps"])
        assert terminal.cursor_is_hidden
    screen.say("the end")
    assert terminal.lines() == ["one: 1 fps", "the end"]
    assert not terminal.cursor_is_hidden


def test_leaving_a_terminal_that_is_gone_raises_nothing() -> None:
    terminal = Terminal()
    with Screen(terminal) as screen:
        screen.show(["status"])
        terminal.close()


class ClosedPipe(io.StringIO):
    """The reader has gone, as in ``streamer serve | head``."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_closed_pipe_is_told_to_the_caller_and_does_not_pile_up() -> None:
    screen = Screen(ClosedPipe())
    for number in range(3):
        with pytest.raises(BrokenPipeError):
            screen.say(f"line {number}")
    assert screen._out._buffer == []


def test_a_run_is_a_bar_on_a_terminal() -> None:
    terminal = Terminal()
    bar = Bar(Screen(terminal), 40)
    bar.show(10, "3 objects")
    bar.show(20, "4 objects")
    (line,) = terminal.lines()
    assert line.startswith("20/40 frames")
    assert line.endswith("4 objects")
    assert "━" in line


@pytest.mark.parametrize(("total", "said"), [(40, "10 of 40 frames  3 objects\n"), (None, "10 frames  3 objects\n")])
def test_elsewhere_a_run_is_a_line_now_and_then(total: int | None, said: str) -> None:
    plain = io.StringIO()
    bar = Bar(Screen(plain), total)
    bar.show(10, "3 objects")
    bar.show(20, "4 objects")
    assert plain.getvalue() == said
