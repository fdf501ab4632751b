"""streamer.sources.playlists: the one variant that is fetched, and addresses made whole."""

from __future__ import annotations

import pytest

from streamer.sources.playlists import is_playlist, variants, whole, with_one

MASTER = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",URI="sound.m3u8"
{}
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,RESOLUTION=640x360,URI="frames.m3u8"
"""


def chosen(*offered: str) -> str:
    """The address of the variant that is taken; offered: the attributes of each, which has its place as its name."""
    lines = "\n".join(f"#EXT-X-STREAM-INF:{each}\n# a remark\n{index}.m3u8" for index, each in enumerate(offered))
    kept = variants(with_one(MASTER.format(lines).encode()))
    assert len(kept) == 1
    return kept[0].uri.decode().removesuffix(".m3u8")


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        (("320x180", "640x360", "1280x720", "1920x1080"), 2),
        (("1920x1080", "3840x2160", "640x360"), 0),
        (("160x120", "640x480", "320x240"), 1),
        (("1080x1920", "720x1280", "360x640"), 1),  # upright
        (("426x240",), 0),
    ],
)
def test_the_smallest_that_is_large_enough_else_the_largest(sizes: tuple[str, ...], wanted: int) -> None:
    offered = [
        f'BANDWIDTH={100 - index},RESOLUTION={size},CODECS="avc1.4d401f,mp4a.40.2"' for index, size in enumerate(sizes)
    ]
    assert chosen(*offered) == str(wanted)


@pytest.mark.parametrize(
    ("offered", "wanted"),
    [
        # sound alone, as old playlists offer it to slow lines
        (('BANDWIDTH=64000,CODECS="mp4a.40.5"', "BANDWIDTH=900000"), 1),
        (("BANDWIDTH=64000", "BANDWIDTH=900000", "BANDWIDTH=3000000", "BANDWIDTH=9000000"), 2),
        (("BANDWIDTH=64000", "BANDWIDTH=900000,RESOLUTION=640x360"), 1),
        # a codec that is not decoded, colours that would be pale, and of the same size the one with more bits
        (('BANDWIDTH=9,RESOLUTION=1280x720,CODECS="dvh1.05.01"', 'BANDWIDTH=9,RESOLUTION=640x360,CODECS="hvc1.1"'), 1),
        (("BANDWIDTH=9,RESOLUTION=1280x720,VIDEO-RANGE=PQ", "BANDWIDTH=9,RESOLUTION=640x360,VIDEO-RANGE=SDR"), 1),
        (("BANDWIDTH=8,RESOLUTION=1280x720", "BANDWIDTH=9,RESOLUTION=1280x720", "BANDWIDTH=9,RESOLUTION=1280x720"), 1),
        # attributes that have commas in them, and none that can be read
        (('NAME="a,RESOLUTION=1280x720",BANDWIDTH=9,RESOLUTION=320x180', "BANDWIDTH=9,RESOLUTION=640x360"), 1),
        (("BANDWIDTH=much,RESOLUTION=large", "RESOLUTION=320x180"), 1),
    ],
)
def test_what_is_taken_where_more_or_less_is_said(offered: tuple[str, ...], wanted: int) -> None:
    assert chosen(*offered) == str(wanted)


def test_sound_of_its_own_is_left_out_and_the_line_is_kept() -> None:
    line = '#EXT-X-STREAM-INF:BANDWIDTH=9,RESOLUTION=640x360,AUDIO="a"'
    text = MASTER.format(f"{line}\r\nsub/one.m3u8?a=b\r\n").encode()
    assert with_one(text) == f"#EXTM3U\n{line}\nsub/one.m3u8?a=b\n".encode()


@pytest.mark.parametrize("text", [b"#EXTM3U\n#EXTINF:1,\none.ts\n", b"", b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\n"])
def test_a_playlist_without_variants_stays_as_it_is(text: bytes) -> None:
    assert with_one(text) == text


def test_a_playlist_is_known_by_its_first_bytes() -> None:
    assert is_playlist(b"#EXTM3U\n#EX")
    assert is_playlist(b"\xef\xbb\xbf#EXTM3U")
    assert not is_playlist(b"\x00\x00\x00 ftypiso5"[:10])


def test_addresses_become_whole_by_the_place_the_playlist_came_from() -> None:
    text = b'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k?a=b",IV=0x1\n#EXTINF:2,URI="x"\none.ts\r\n\n/two.ts\nhttp://c/three.ts\n'
    assert whole(text, "https://b:8/d/live.m3u8?t=1").decode() == (
        '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="https://b:8/d/k?a=b",IV=0x1\n#EXTINF:2,URI="https://b:8/d/x"\n'
        "https://b:8/d/one.ts\n\nhttps://b:8/two.ts\nhttp://c/three.ts\n"
    )
