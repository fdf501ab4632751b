"""streamer.webrtc.source: when help is asked for and when a camera is given up, by a clock that the test moves."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from streamer.sources.base import State
from streamer.webrtc import source
from streamer.webrtc.camera import Lost
from streamer.webrtc.source import CONNECT, GIVE_UP, QUIET, STILL, TICK, WebRTCSource, _Watch

GRACE = 30.0


class Clock:
    """Seconds, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(source, "time", SimpleNamespace(monotonic=lambda: self.now))


class Peer:
    """What is asked of a connection."""

    def __init__(self) -> None:
        self.gap: int | None = None
        self.hint = "connected, but no video packets came"
        self.asked: list[str] = []

    async def repair(self) -> None:
        self.asked.append("packets")

    async def unstick(self) -> None:
        self.asked.append("keyframe")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def ticks(watch: _Watch, peer: Any, clock: Clock, seconds: float) -> list[tuple[State, str]]:
    """Let time pass without a picture; returns what was told."""
    told: list[tuple[State, str]] = []
    for _ in range(round(seconds / TICK)):
        clock.now += TICK
        watch.tick(peer, lambda state, reason: told.append((state, reason)))
        await watch.help(peer)
    return told


async def test_while_packets_come_before_the_first_picture_a_keyframe_is_waited_for_and_asked_for(clock: Clock) -> None:
    """However long: the time until it is given up begins with the newest packet."""
    watch, peer, told = _Watch(GRACE), Peer(), list[tuple[State, str]]()
    for second in range(int(2 * CONNECT)):
        watch.count(second + 1)
        told += await ticks(watch, peer, clock, 1.0)
    ((state, reason),) = told
    assert state is State.CONNECTING
    assert re.fullmatch(r"waiting for a keyframe since \d\d:\d\d:\d\d UTC; it was asked for", reason)
    assert len(peer.asked) >= CONNECT
    assert set(peer.asked) == {"keyframe"}
    with pytest.raises(Lost, match="no picture within 30 s"):
        await ticks(watch, peer, clock, CONNECT + 1)


async def test_a_lost_packet_is_asked_for_at_each_tick_and_then_a_keyframe_instead(clock: Clock) -> None:
    watch, peer = _Watch(GRACE), Peer()
    watch.picture()
    peer.gap = 17
    await ticks(watch, peer, clock, GIVE_UP + 2 * TICK)
    packets = peer.asked.index("keyframe")
    assert peer.asked[:packets] == ["packets"] * packets
    assert packets >= 2  # one try may be lost too


async def test_another_gap_is_waited_for_anew(clock: Clock) -> None:
    watch, peer = _Watch(GRACE), Peer()
    watch.picture()
    for gap in (17, 18, 19):
        peer.gap = gap
        await ticks(watch, peer, clock, GIVE_UP - 2 * TICK)
    assert set(peer.asked) == {"packets"}


async def test_where_nothing_comes_at_all_a_keyframe_is_asked_for_now_and_then(clock: Clock) -> None:
    watch, peer = _Watch(GRACE), Peer()
    watch.picture()
    await ticks(watch, peer, clock, STILL - TICK)
    assert peer.asked == []
    await ticks(watch, peer, clock, 3 * STILL)
    assert 2 <= len(peer.asked) <= 3
    assert set(peer.asked) == {"keyframe"}


async def test_the_state_says_once_that_the_picture_stands_still_and_once_that_it_is_back(clock: Clock) -> None:
    watch, peer = _Watch(GRACE), Peer()
    assert watch.picture()
    assert not watch.picture()
    told = await ticks(watch, peer, clock, 2 * QUIET)
    assert told == [(State.RECONNECTING, "no picture for 3 s; a keyframe was asked for")]
    assert watch.picture()


async def test_a_camera_whose_picture_stays_away_for_the_grace_period_is_given_up(clock: Clock) -> None:
    watch, peer = _Watch(GRACE), Peer()
    watch.picture()
    with pytest.raises(Lost, match="no picture for 30 s"):
        await ticks(watch, peer, clock, GRACE + 1)


async def test_one_that_never_showed_a_picture_is_given_up_with_what_stood_in_the_way(clock: Clock) -> None:
    watch, peer = _Watch(GRACE), Peer()
    with pytest.raises(Lost, match="no picture within 30 s: connected, but no video packets came"):
        await ticks(watch, peer, clock, CONNECT + 1)


async def test_a_source_to_which_no_camera_comes_ends_by_itself() -> None:
    told: list[tuple[State, str]] = []

    async def out(frame: object) -> None:
        raise AssertionError("there is no camera")

    await WebRTCSource(grace=0.01).run(out, lambda state, reason: told.append((state, reason)))
    assert told == [(State.ENDED, "no connection was made; no new connection came within 0 s")]
