"""streamer.sources.decoding: real packets of films that were joined midway, damaged on their way, or come too late."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from benchmarks.recording import record
from streamer.sources import decoding as module
from streamer.sources.ahead import Arrived, Counts, Packet
from streamer.sources.decoding import GOOD_FOR_ONE, MAX_CORRUPT, MAX_DAMAGE, MAX_SMEARED, Decoded, Decoding
from streamer.sources.reasons import Trouble

FPS = 30
FRAMES = 200
GOP = 150
TS = 188  # bytes of a packet of MPEG-TS
ENCODERS = {
    "libx264": {"preset": "veryfast", "tune": "zerolatency", "sc_threshold": "0"},
    "libx265": {
        "preset": "ultrafast",
        "x265-params": f"log-level=none:pools=none:frame-threads=1:keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0",
    },
    "mpeg2video": {"sc_threshold": "1000000000"},
}


def film(path: Path, codec: str = "libx264", frames: int = FRAMES, **options: str) -> Path:
    """A square of noise that moves over a slope; a keyframe each ``GOP`` frames."""
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=FPS, options={**ENCODERS[codec], **options}))
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.gop_size = GOP
        stream.codec_context.max_b_frames = int(options.get("bf", 0))
        stream.codec_context.thread_count = 1
        noise = np.random.default_rng(0).integers(0, 255, (10, 30, 30, 3), np.uint8)
        for index in range(frames):
            rgb = np.full((120, 160, 3), 90, np.uint8)
            rgb[:, :, 2] = np.linspace(0, 255, 160)
            rgb[30:60, index * 2 % 130 :][:, :30] = noise[index % 10]
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class Run:
    """One film's pictures, and what was said and counted."""

    def __init__(
        self,
        path: Path,
        *,
        lasting: bool = True,
        careful: bool = True,
        lossy: bool = True,
        late: float = 0.0,
        blind: float = 60.0,
    ) -> None:
        self.counts, self.said = Counts(), list[str]()
        self.packets = 0
        self.pictures: list[Decoded] = []
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_type = "SLICE"
            decoding = Decoding(
                stream,
                self.counts,
                "film",
                self.said.append,
                lasting=lasting,
                blind=blind,
                careful=careful,
                lossy=lossy,
            )
            for each in decoding.pictures(self._arriving(container.demux(stream), late)):
                self.pictures.append(each)

    def _arriving(self, packets: Iterator[Packet], late: float) -> Iterator[Arrived]:
        for packet in packets:
            self.packets += packet.size > 0
            yield Arrived(packet, time.monotonic() - late)


@pytest.fixture
def joined(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A film from its eleventh frame on: 139 frames without a keyframe, 50 behind one, in MPEG-TS."""
    whole, joined = film(tmp_path / "whole.ts", request.param), tmp_path / "joined.ts"
    with av.open(str(whole)) as container:
        eleventh = [packet.pos for packet in container.demux(video=0)][11]
    data = whole.read_bytes()
    assert eleventh is not None
    joined.write_bytes(data[: 3 * TS] + data[eleventh // TS * TS :])  # with the tables that it begins with
    return joined


@pytest.mark.parametrize("joined", ENCODERS, indirect=True)
def test_a_keyframe_is_waited_for_and_that_is_said_once(joined: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many packets come before it: a hundred that cannot be decoded are no fault of a stream joined midway."""
    monkeypatch.setattr(module, "UNSEEN", 0.0)
    run = Run(joined)
    good = [each for each in run.pictures if each.good]
    assert FRAMES - GOP - 2 <= len(good) <= FRAMES - GOP
    assert re.fullmatch(r"waiting for a keyframe since \d\d:\d\d:\d\d UTC", "".join(run.said))
    assert run.counts.damaged == 0


@pytest.mark.parametrize("joined", ["libx264"], indirect=True)
def test_a_recording_waits_for_nothing(joined: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNSEEN", 0.0)
    assert Run(joined, lasting=False, blind=-1.0).said == []


def test_more_than_a_hundred_damaged_packets_behind_a_keyframe_are_given_up(tmp_path: Path) -> None:
    """The pictures behind the first one are noise; those in front of a keyframe are none of a live stream's fault."""
    path = film(tmp_path / "film.mp4", frames=MAX_DAMAGE + 20)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        noise = [av.Packet(b"\x00\x00\x00\x04\xff\xff\xff\xff") for _ in packets[1:]]
        counts = Counts()
        decoding = Decoding(stream, counts, "film", print, lasting=True, blind=60.0, careful=True)
        for each in noise:
            each.stream = stream
        arriving = (Arrived(cast(Packet, each), time.monotonic()) for each in (packets[0], *noise))
        assert len(list(decoding.pictures(arriving))) <= 1
        assert counts.damaged > MAX_DAMAGE
        noise[0].is_keyframe = True
        decoding = Decoding(stream, Counts(), "film", print, lasting=True, blind=60.0, careful=True)
        arriving = (Arrived(cast(Packet, each), time.monotonic()) for each in noise)
        with pytest.raises(av.error.InvalidDataError):
            list(decoding.pictures(arriving))


def test_a_stream_with_keyframes_and_no_picture_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="could be decoded"):
        Run(film(tmp_path / "film.ts", frames=3), blind=-1.0)


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film in MPEG-TS of which every twenty-fifth datagram is lost, from the first keyframe on."""
    path = record(tmp_path_factory.mktemp("films") / "film.ts", 60)
    data, datagram = path.read_bytes(), 7 * TS
    parts = [data[place : place + datagram] for place in range(0, len(data), datagram)]
    path.write_bytes(b"".join(part for index, part in enumerate(parts) if index < 8 or index % 25))
    return path


def test_pictures_that_a_loss_damaged_are_told_as_such_and_counted(lossy: Path) -> None:
    run = Run(lossy)
    bad = [each for each in run.pictures if not each.good]
    assert 0 < len(bad) < len(run.pictures)
    assert all(each in bad for each in run.pictures if each.picture.is_corrupt)
    assert run.counts.corrupt == len(bad)


def with_a_hole(film: Path, index: int) -> Path:
    """The same without one packet of MPEG-TS in the middle of a picture, by the picture's number."""
    with av.open(str(film)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos is not None]
    data, hole = film.read_bytes(), (places[index] + places[index + 1]) // 2 // TS * TS
    holed = film.with_name("holed.ts")
    holed.write_bytes(data[:hole] + data[hole + TS :])
    return holed


@pytest.mark.parametrize("codec", ENCODERS)
def test_what_builds_on_a_damaged_picture_is_damaged_too_up_to_the_next_keyframe(codec: str, tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.ts", codec)
    clean = {each.picture.pts: each.picture.to_ndarray(format="gray") for each in Run(whole).pictures}
    run = Run(with_a_hole(whole, GOP - 20))
    differ = {
        each.picture.pts
        for each in run.pictures
        if np.any(each.picture.to_ndarray(format="gray") != clean[each.picture.pts])
    }
    bad = {each.picture.pts for each in run.pictures if not each.good}
    assert differ and differ <= bad
    assert len(bad) <= 22 and run.counts.corrupt == len(bad)
    assert all(each.good for each in run.pictures[-(FRAMES - GOP) :])


def test_where_most_build_on_damaged_ones_most_are_shown(tmp_path: Path) -> None:
    holed = with_a_hole(film(tmp_path / "film.ts", "libx265", frames=GOP), 10)
    run = Run(holed)
    assert len(run.pictures) > GOP - 10
    assert MAX_SMEARED < run.counts.corrupt < MAX_SMEARED + (GOP - MAX_SMEARED) / GOOD_FOR_ONE
    assert all(each.good for each in Run(holed, lossy=False).pictures)


def test_who_is_not_careful_gets_them_as_they_are(lossy: Path) -> None:
    run = Run(lossy, careful=False)
    assert all(each.good for each in run.pictures)
    assert run.counts.corrupt == 0


def test_where_every_picture_is_marked_they_are_taken_after_a_while(
    lossy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_CORRUPT > FPS
    monkeypatch.setattr(module, "MAX_CORRUPT", 0)
    monkeypatch.setattr(module, "MAX_SMEARED", 0)
    run = Run(lossy)
    assert all(each.good for each in run.pictures)


def test_pictures_that_no_other_needs_are_skipped_and_counted_when_decoding_is_behind(tmp_path: Path) -> None:
    path = film(tmp_path / "film.ts", bf="2", tune="animation")
    in_time, late = Run(path), Run(path, late=1.0)
    assert len(in_time.pictures) == in_time.packets == FRAMES
    assert in_time.counts.skipped == 0
    assert FRAMES / 4 < len(late.pictures) < FRAMES * 3 / 4
    assert abs(len(late.pictures) + late.counts.skipped - FRAMES) <= 2
    assert Run(path, late=1.0, lasting=False).counts.skipped == 0


def test_each_picture_has_the_time_when_its_own_packet_came(tmp_path: Path) -> None:
    """A decoder gives pictures in the order they are shown: with B-frames, later than their packets."""
    path = film(tmp_path / "film.ts", bf="2", tune="animation")
    came: dict[int | None, float] = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoding = Decoding(stream, Counts(), "film", print, lasting=True, blind=60.0, careful=True)

        def packets() -> Iterator[Arrived]:
            for packet in container.demux(stream):
                came[packet.pts] = time.monotonic()
                yield Arrived(packet, came[packet.pts])

        told = [(each.picture.pts, each.received) for each in decoding.pictures(packets())]
    assert len(told) == FRAMES
    assert told == [(pts, came[pts]) for pts, _ in told]
