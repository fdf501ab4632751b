"""streamer.access: which files and which addresses may be opened."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.access import ANY, MAX_ADDRESSES, Access, NotAllowed, addresses_of

HOME = Access(roots=(), networks=("127.0.0.0/8",))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "films" / "deep").mkdir(parents=True)
    (tmp_path / "films" / "deep" / "film.mp4").touch()
    (tmp_path / "secret.mp4").touch()
    (tmp_path / "films" / "way_out").symlink_to(tmp_path / "secret.mp4")
    (tmp_path / "films" / "way_up").symlink_to(tmp_path)
    (tmp_path / "films" / "circle").symlink_to(tmp_path / "films" / "circle")
    (tmp_path / "way_in").symlink_to(tmp_path / "films")
    return tmp_path


def test_what_lies_in_a_root_may_be_opened(root: Path) -> None:
    film = root / "films" / "deep" / "film.mp4"
    for access in (ANY, Access(roots=(root / "films",)), Access(roots=(root / "way_in",)), Access(roots=(film,))):
        assert access.check_path(root / "films" / "deep" / ".." / "deep" / "film.mp4") == film
        assert access.check_path(root / "way_in" / "deep" / "film.mp4") == film


@pytest.mark.parametrize(
    "path",
    [
        "secret.mp4",
        "films/../secret.mp4",
        "films/way_out",
        "films/way_up/secret.mp4",
        "films/circle",
        "none",
        "films2/x",
    ],
)
def test_what_lies_elsewhere_may_not_whether_it_is_there_or_not(root: Path, path: str) -> None:
    words = set()
    for access in (Access(roots=(root / "films",)), Access(roots=(root / "films" / "deep" / "film.mp4",))):
        with pytest.raises(NotAllowed) as refused:
            access.check_path(root / path)
        words.add(str(refused.value))
    assert words == {"That path is in no folder that this server opens files from."}
    with pytest.raises(NotAllowed, match="Files are not opened by this server"):
        Access(roots=()).check_path(root / path)


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "::ffff:127.0.0.1"])
def test_an_address_is_judged_in_every_notation(host: str) -> None:
    assert HOME.resolve(host, 80)
    HOME.check_literal(host)
    elsewhere = Access(networks=("192.0.2.0/24",))
    for judge in (elsewhere.check_literal, lambda text: elsewhere.resolve(text, 80)):
        with pytest.raises(NotAllowed, match="in no network that this server opens sources from"):
            judge(host)


@given(st.ip_addresses())
@settings(max_examples=100, deadline=None)
def test_an_address_passes_exactly_where_it_is_in_a_network(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    networks = ("10.0.0.0/8", "2001:db8::/32")
    inside = any(address in ipaddress.ip_network(each) for each in networks)
    try:
        Access(networks=networks).check_all([str(address)])
        passed = True
    except NotAllowed:
        passed = False
    assert passed or not inside
    assert not passed or inside or address.version == 6  # one that carries an IPv4 address along is judged by that


@pytest.mark.parametrize("address", ["64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:10.1.2.3", "0.0.0.0", "::"])
def test_what_an_address_carries_is_judged(address: str) -> None:
    with pytest.raises(NotAllowed):
        Access(networks=("2000::/3", "64:ff9b::/96", "192.0.2.0/24")).check_all([address])


def test_every_address_of_a_name_must_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ["127.0.0.1", "192.0.2.1"]
    monkeypatch.setattr("streamer.access.addresses_of", lambda host, port, flags=0: found)
    with pytest.raises(NotAllowed):
        HOME.resolve("cam.example", 554)
    found[1:] = [f"127.0.0.{number}" for number in range(2, 100)]
    assert len(HOME.resolve("cam.example", 554)) == MAX_ADDRESSES


def test_a_name_is_not_looked_up_where_no_address_may_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.access.addresses_of", lambda host, port, flags=0: pytest.fail("it was"))
    closed = Access(networks=())
    with pytest.raises(NotAllowed, match="not opened by this server"):
        closed.resolve("cam.example", 554)


def test_where_no_address_may_be_opened_a_name_is_refused_at_once() -> None:
    with pytest.raises(NotAllowed):
        Access(networks=()).check_literal("cam.example")
    HOME.check_literal("cam.example")


def test_a_name_that_is_none_is_an_oserror() -> None:
    with pytest.raises(OSError, match="not one"):
        addresses_of("a" * 70 + ".example", 80)
