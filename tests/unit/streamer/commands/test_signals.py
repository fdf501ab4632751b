"""Being told to stop."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from streamer.commands.signals import signals


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_is_told_and_afterwards_means_what_it_did_before(which: signal.Signals) -> None:
    before = signal.getsignal(which)
    told = asyncio.Event()
    with signals(told.set):
        os.kill(os.getpid(), which)
        async with asyncio.timeout(10):
            await told.wait()
    assert signal.getsignal(which) == before
