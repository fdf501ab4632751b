"""How often wrong keys may come from one address."""

from __future__ import annotations

import pytest

from streamer.auth import slowdown
from streamer.auth.slowdown import FREE, REFILL, Slowdown


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_after_some_wrong_keys_an_address_waits_for_each_further_one() -> None:
    clock = Clock()
    slow = Slowdown(clock)
    for _ in range(FREE):
        assert slow.wait("192.0.2.1") == 0
        slow.failed("192.0.2.1")
    assert slow.wait("192.0.2.1") == REFILL
    assert slow.wait("192.0.2.2") == 0
    clock.now += REFILL / 2
    assert slow.wait("192.0.2.1") == REFILL / 2
    clock.now += REFILL / 2
    assert slow.wait("192.0.2.1") == 0
    slow.failed("192.0.2.1")
    assert slow.wait("192.0.2.1") == REFILL
    clock.now += 10 * FREE * REFILL
    for _ in range(FREE):
        slow.failed("192.0.2.1")
    assert slow.wait("192.0.2.1") == REFILL  # a long rest gives no more than at first


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
        ("a name", "a name", True),
    ],
)
def test_one_caller_is_an_address_or_a_network_of_ipv6(one: str, other: str, same: bool) -> None:
    slow = Slowdown(Clock())
    for _ in range(FREE):
        slow.failed(one)
    assert (slow.wait(other) > 0) is same


def test_the_table_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowdown, "MAX_ADDRESSES", 10)
    slow = Slowdown(Clock())
    for number in range(100):
        slow.failed(f"192.0.2.{number}")
    assert len(slow._accounts) == 10


def test_a_name_that_a_proxy_gives_is_kept_at_no_length() -> None:
    """Anyone who may speak for a proxy may write what they like in its place."""
    slow = Slowdown(Clock())
    slow.failed("x" * 10_000)
    assert [len(each) for each in slow._accounts] == [slowdown.MAX_NAME]
