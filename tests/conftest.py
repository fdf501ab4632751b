"""What every test shares: few threads, one event loop library, and no network but this machine's."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

# Before torch is imported: OpenMP threads that spin while they wait starve the decoder and the event loop beside them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import hypothesis
import pytest
import torch

torch.set_num_threads(1)

# Files whose tests meet a camera, a browser or a clock: two of them at once would starve each other on two cores.
# The others run beside each other (`make test` does the two kinds one after the other).
ALONE = (
    "test_benchmark_latency",
    "test_cross_origin",
    "test_crowd",
    "test_first_light",
    "test_page",
    "test_rtsp",
    "test_sources_rtmp",
    "test_sources_webrtc",
    "test_slow_reader",
    "test_turn",
    "test_web_clients",
    "test_whep",
    "test_whip",
)

# A shared machine pauses when it likes: time is no property of ours. Fixed examples make a red run repeatable.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that want the machine to themselves."""
    for item in items:
        if Path(item.path).stem.startswith(ALONE):
            item.add_marker(pytest.mark.alone)


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
