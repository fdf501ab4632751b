"""Being told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from streamer.commands.signals import Deadline, signals
from tests.support.documents import ROOT


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_is_told_and_afterwards_means_what_it_did_before(which: signal.Signals) -> None:
    before = signal.getsignal(which)
    told = asyncio.Event()
    with signals(lambda: None, told.set):
        os.kill(os.getpid(), which)
        async with asyncio.timeout(10):
            await told.wait()
    assert signal.getsignal(which) == before


# The end in time, in a process of its own: it is the end of the process

BEGIN = """
import logging, sys, threading, time
from streamer.commands import signals
logging.basicConfig(format="%(message)s")
signals.ENDING, signals.LOCKED, signals.JOINING = 0.5, 0.5, 0.2
deadline = signals.Deadline()
deadline.begin()
"""


def ended(program: str) -> tuple[int, str]:
    command = [sys.executable, "-c", BEGIN + program]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return run.returncode, run.stderr


def test_what_does_not_end_in_order_ends_in_time() -> None:
    status, said = ended("time.sleep(600)")
    assert (status, said.strip()) == (1, "Not everything ended in 0 s: the process ends all the same.")


def test_what_holds_pythons_lock_ends_too_and_says_where() -> None:
    """A sum over a range is one call into C, which gives the lock to nobody."""
    status, said = ended("threading.Thread(target=lambda: sum(range(10**13)), daemon=True).start()\ntime.sleep(600)")
    assert status != 0
    assert "in <lambda>" in said


def test_a_thread_that_hangs_when_all_else_has_ended_is_left_behind() -> None:
    hang = "threading.Thread(target=time.sleep, args=(600,), name='model_0').start()\n"
    status, said = ended(hang + "print('done'); sys.exit(deadline.leave(3))")
    assert (status, said.strip()) == (3, "The thread model_0 hangs: the process ends without it.")


def test_the_processes_that_it_started_end_with_it() -> None:
    """A child that listens to nobody."""
    child = "import subprocess\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    status, said = ended(child + "print(child.pid, file=sys.stderr, flush=True)\ntime.sleep(600)")
    assert status == 1
    pid = int(said.split()[0])
    until = time.monotonic() + 30
    while _runs(pid) and time.monotonic() < until:  # it was killed: the kernel ends it when it comes to that
        time.sleep(0.01)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_what_was_not_told_to_end_is_left_to_python() -> None:
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    assert Deadline().leave(5) == 5
    waiting.set()
    thread.join()
