"""What every test shares: few threads, one event loop library, and no network but this machine's."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator
from pathlib import Path

# Before torch is imported: OpenMP threads that spin while they wait starve the decoder and the event loop beside them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import hypothesis
import pytest
import torch

from benchmarks.support import debian
from tests.support import needs

torch.set_num_threads(1)

HERE = Path(__file__).resolve().parent

# Tests below a folder of this name hold times against each other: what runs beside them would be measured too.
# The others run beside each other (`make test` does the two kinds one after the other).
ALONE = "alone"

# A shared machine pauses when it likes: time is no property of ours. Fixed examples make a red run repeatable.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that want the machine to themselves: their folder says it."""
    for item in items:
        if ALONE in item.path.relative_to(HERE).parts:
            item.add_marker(pytest.mark.alone)


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
