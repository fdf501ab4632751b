"""What fails is asked a second time: a pause of the machine is forgiven, a fault is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import ROOT
from tests.support.twice import MOST

SAID = "Failed, and run once more"
TESTS = f"""
import pytest
from pathlib import Path

def test_pauses_once():
    seen = Path(__file__).with_name("seen")
    before = seen.exists()
    seen.touch()
    assert before

def test_is_broken():
    raise AssertionError

@pytest.mark.parametrize("number", range({MOST + 1}))
def test_of_many(number):
    raise AssertionError
"""


@pytest.mark.parametrize(
    ("which", "status", "again"),
    [
        ("once", 0, ["pauses_once"]),
        ("once or broken", 1, ["pauses_once", "is_broken"]),
        ("many", 1, []),
        ("nothing", 5, []),
    ],
)
def test_few_that_fail_are_run_once_more_and_that_answer_counts(
    which: str, status: int, again: list[str], tmp_path: Path
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "tests.support.twice", "-q", "--", "-k", which]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == status, run.stdout
    _, _, told = run.stdout.partition(SAID)
    lines = told.splitlines()
    assert lines[1 : len(again) + 1] == [f"test_some.py::test_{each}" for each in again]
    assert bool(told) == bool(again)
