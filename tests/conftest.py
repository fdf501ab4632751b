"""What every test shares: few threads, one event loop library, and no network but this machine's."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

# Before torch is imported: OpenMP threads that spin while they wait starve the decoder and the event loop beside them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

# Keys and certificates of whoever runs the tests are not those of the servers that tests start.
os.environ["XDG_DATA_HOME"] = "/nonexistent/data"
# Nor are their sessions: nobody can make a folder there, so those servers keep nothing.
os.environ["XDG_STATE_HOME"] = "/dev/null/state"

import hypothesis
import pytest
import torch

from benchmarks.support import debian
from tests.support import needs

torch.set_num_threads(1)

REPOSITORY = Path(__file__).parent / "repository"

# What runs in the background of a shell ignores Ctrl+C, and so would the programs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A shared machine pauses when it likes: time is no property of ours. Fixed examples make a red run repeatable.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", deadline=None, derandomize=False, max_examples=3000)
hypothesis.settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the repository read files and start processes: measuring coverage there takes time and tells nothing."""
    for item in items:
        if item.path.is_relative_to(REPOSITORY):
            item.add_marker(pytest.mark.no_cover)


def pytest_collection_finish() -> None:
    """What was made up to now stays to the end: collections of garbage and counts of objects leave it out."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """A test whose fixtures need what is not on this machine is skipped with its name; in CI it fails."""
    try:
        yield
    except debian.Missing as packages:
        needs.missing(str(packages))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """The same of the test itself."""
    try:
        yield
    except debian.Missing as packages:
        needs.missing(str(packages))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio: aiortc and uvicorn know no other loop."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """The command line sets up logging for its process; called inside ours, its handlers must not outlive the test."""
    root, known = logging.getLogger(), logging.Logger.manager.loggerDict
    handlers, level = root.handlers[:], root.level
    ours = {name: logging.getLogger(name) for name in known if name.startswith("streamer")}
    levels = {name: logger.level for name, logger in ours.items()}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, logger in ours.items():
        logger.setLevel(levels[name])
