"""What was freed of pictures goes back to the system; without the setting glibc keeps most of it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from streamer.commands import memory
from tests.support.documents import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's setting")

PICTURES, MEGABYTES = 12, 8  # as the smaller planes of a picture of 7680×4320

# Something small that is kept lies behind each picture, as in a server.
PROGRAM = f"""
import sys
import numpy as np, psutil
from streamer.commands import memory
if sys.argv[1] == "given back":
    memory.give_back_pictures()
np.ones({MEGABYTES} * 10**6, np.uint8)  # glibc takes what is freed now for the measure of what to keep
resident = lambda: psutil.Process().memory_info().rss / 1e6
before, kept = resident(), []
for _ in range(2):
    pictures = []
    for _ in range({PICTURES}):
        pictures.append(np.ones({MEGABYTES} * 10**6, np.uint8))
        kept += [bytes(1000) for _ in range(100)]
    most = resident()
    del pictures
print(most - before, resident() - before)
"""


@pytest.mark.parametrize("how", ["given back", "left alone"])
def test_pictures_that_are_freed_are_given_back(how: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != memory.VARIABLE}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    most, left = map(float, run.stdout.split())
    assert most > 0.9 * PICTURES * MEGABYTES
    if how == "given back":
        assert left < 2 * MEGABYTES
    else:
        assert left > PICTURES * MEGABYTES / 2  # or the setting is not needed any more


def test_what_an_operator_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memory.VARIABLE, "1000000")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("it was set"))
    memory.give_back_pictures()


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(memory.VARIABLE, raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    memory.give_back_pictures()
