"""What a command tells of itself while it runs: log lines and tracebacks, without the secrets that they may hold."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator

from streamer import redaction

# FFmpeg takes a stream's key out of its RTMP address, and names it alone: app = live, fname = …, or 'name' in quotes.
_OF_RTMP = re.compile(r"(?<== )[^,\n]+|(?<=')[^'\n]*(?=')")


class Formatter(logging.Formatter):
    """Lines without secrets, whoever wrote them: libraries and tracebacks too."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, as ``redaction.in_text`` shows it."""
        text = super().format(record)
        hidden = _OF_RTMP.sub(redaction.HIDDEN, text) if record.name.startswith("libav.rtmp") else text
        return redaction.in_text(hidden)


def log_to(handler: logging.Handler, *, verbose: bool, states: bool) -> None:
    """Warnings of everybody; of ours the loading of the model, and what becomes of sessions if not shown anyway."""
    handler.setFormatter(Formatter("%(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, handlers=[handler], force=True)
    if not verbose:
        for name in (
            "streamer.engine",
            "streamer.models",
            "streamer.commands.beginning",
            *(["streamer.live.session"] if states else []),
        ):
            logging.getLogger(name).setLevel(logging.INFO)


def print_traceback(error: BaseException, where: str = "") -> None:
    """What nobody caught, on standard error, as Python prints it but without secrets."""
    text = f"{where}{''.join(traceback.format_exception(error))}"
    sys.stderr.write(redaction.in_text(text))


@contextlib.contextmanager
def tracebacks() -> Iterator[None]:
    """Print the tracebacks of threads, and of what Python cannot raise, as :func:`print_traceback` does."""

    def of_thread(left: threading.ExceptHookArgs) -> None:
        if left.exc_value is not None and left.exc_type is not SystemExit:
            name = "" if left.thread is None else left.thread.name
            print_traceback(left.exc_value, f"Exception in thread {name}:\n")

    def unraisable(left: sys.UnraisableHookArgs) -> None:
        if left.exc_value is not None:
            print_traceback(left.exc_value, f"{left.err_msg or 'Exception ignored in'}: {left.object!r}\n")

    before = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = of_thread, unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before
