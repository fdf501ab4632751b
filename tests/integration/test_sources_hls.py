"""What playlists of HLS name: which of it is fetched, from where, and how it is decrypted."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from benchmarks.recording import record
from streamer.access import Access
from streamer.sources.base import FINISHED, State
from streamer.sources.url import UrlSource
from tests.support.sources import Viewer, whole
from tests.support.web import Answer, leads, says, web

FPS = 15  # of the recordings
KEYS = (bytes(range(16)), bytes(range(16, 32)))
BAD_KEY = bytes(16)
HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:7\n"
ENCRYPTED = (
    f'{HEAD}#EXT-X-KEY:METHOD=AES-128,URI="{{key}}"\n#EXTINF:1,\none.ts\n'
    '#EXT-X-KEY:METHOD=AES-128,URI="two.key",IV=0x000000000000000000000000000000ff\n#EXTINF:1,\ntwo.ts\n'
    "#EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\nthree.ts\n#EXT-X-ENDLIST\n"
)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return record(tmp_path_factory.mktemp("films") / "film.ts", FPS, size=(160, 120)).read_bytes()


def master(folder: Path) -> dict[str, Answer]:
    """A playlist of three sizes, the smallest first, each with a playlist and a segment of its own; as web pages."""
    sizes, lines = ((64, 48), (320, 240), (160, 120)), ["#EXTM3U"]
    for width, height in sizes:
        record(folder / f"{width}.ts", FPS, size=(width, height))
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{width}.ts\n#EXT-X-ENDLIST\n"
        (folder / f"{width}.m3u8").write_text(text)
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={width}000,RESOLUTION={width}x{height}", f"{width}.m3u8"]
    (folder / "master.m3u8").write_text("\n".join(lines))
    return {f"/{path.name}": says(path.read_bytes()) for path in folder.iterdir()}


@pytest.mark.parametrize("local", [False, True], ids=["http", "file"])
async def test_of_a_master_playlist_one_variant_is_fetched(tmp_path: Path, local: bool) -> None:
    files = master(tmp_path)
    if local:
        viewer = await whole(tmp_path / "master.m3u8")
    else:
        with web(files) as site:
            viewer = await whole(f"http://{site.place}/master.m3u8")
        assert set(site.paths) == {"/master.m3u8", "/320.m3u8", "/320.ts"}
    assert (len(viewer.frames), viewer.sizes, viewer.states[-1]) == (FPS, {(320, 240)}, (State.ENDED, FINISHED))


def encrypted(data: bytes, key: bytes, iv: int) -> bytes:
    padding = PKCS7(128).padder()
    cipher = Cipher(algorithms.AES128(key), modes.CBC(iv.to_bytes(16, "big"))).encryptor()
    return cipher.update(padding.update(data) + padding.finalize()) + cipher.finalize()


def parts(film: bytes, key: str = "one.key") -> dict[str, bytes]:
    """A film of three segments: the number of the first is its initialisation vector, the last is in clear."""
    return {
        "list.m3u8": ENCRYPTED.format(key=key).encode(),
        "one.key": KEYS[0],
        "two.key": KEYS[1],
        "one.ts": encrypted(film, KEYS[0], 7),
        "two.ts": encrypted(film, KEYS[1], 255),
        "three.ts": film,
    }


def pages(files: dict[str, bytes]) -> dict[str, Answer]:
    return {f"/{name}": says(data) for name, data in files.items()}


@pytest.mark.parametrize("local", [False, True], ids=["http", "file"])
async def test_encrypted_segments_are_decrypted(film: bytes, tmp_path: Path, local: bool) -> None:
    files = parts(film)
    if local:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        viewer = await whole(tmp_path / "list.m3u8")
    else:
        with web(pages(files)) as site:
            viewer = await whole(f"http://{site.place}/list.m3u8")
    assert (len(viewer.frames), viewer.states[-1]) == (3 * FPS, (State.ENDED, FINISHED))


async def trouble(address: str, access: Access) -> str:
    viewer = Viewer()
    async with viewer.watching(UrlSource(address, access=access, open_timeout=30, read_timeout=30)):
        return await viewer.until(lambda state, reason: state in (State.RECONNECTING, State.ENDED))


@pytest.mark.parametrize("redirected", [False, True])
async def test_a_key_comes_from_where_sources_may_come_from(film: bytes, redirected: bool) -> None:
    near = Access(networks=("127.0.0.1/32",))
    with web({"/one.key": says(KEYS[0])}, "127.0.0.2") as far:
        away = f"http://{far.place}/one.key"
        files = pages(parts(film, "one.key" if redirected else away))
        if redirected:
            files["/one.key"] = leads(away)
        with web(files) as site:
            reason = await trouble(f"http://{site.place}/list.m3u8", near)
    assert "in no network that this server opens sources from" in reason
    assert far.connections == 0


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (
            None,
            "Something that its playlist names could not be opened. The server answered with an error: 404 Not Found.",
        ),
        (b"short", "It sends no video that can be read."),
        (BAD_KEY, "It sends no video that can be read."),
    ],
)
async def test_a_key_that_is_none_is_told(film: bytes, key: bytes | None, words: str) -> None:
    files = parts(film)
    files["list.m3u8"] = files["list.m3u8"][: files["list.m3u8"].index(b'#EXT-X-KEY:METHOD=AES-128,URI="two')]
    files["list.m3u8"] += b"#EXT-X-ENDLIST\n"
    if key is None:
        del files["one.key"]
    else:
        files["one.key"] = key
    with web(pages(files)) as site:
        reason = await trouble(f"http://{site.place}/list.m3u8", Access())
    assert reason.startswith(words)


async def test_what_a_redirected_playlist_names_is_beside_where_it_came_from(film: bytes) -> None:
    """As content networks do it: both playlists are redirected, and name what stands beside them."""
    segment = f"{HEAD}#EXTINF:1,\none.ts\n#EXT-X-ENDLIST\n".encode()
    variants = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\nlist.m3u8\n"
    with web({"/c/list.m3u8": says(segment), "/c/one.ts": says(film)}, "127.0.0.2") as edge:
        answers = {"/a/live.m3u8": leads("/b/live.m3u8"), "/b/live.m3u8": says(variants)}
        with web({**answers, "/b/list.m3u8": leads(f"http://{edge.place}/c/list.m3u8")}) as site:
            viewer = await whole(f"http://{site.place}/a/live.m3u8")
    assert len(viewer.frames) == FPS
