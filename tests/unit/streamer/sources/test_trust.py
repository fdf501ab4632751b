"""streamer.sources.trust: whose certificates are believed."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from benchmarks.support.rtsp import free_port
from streamer.access import ANY, Access
from streamer.errors import BadRequest
from streamer.sources import trust, url
from streamer.sources.trust import Trusted, check, ffmpeg_options, ssl_context
from streamer.sources.url import UrlSource
from tests.support.certificates import write_certificate
from tests.support.sources import Viewer


def test_what_the_system_trusts_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    write_certificate(path)
    usual, own, anyone = (ssl_context(each) for each in (ANY, Access(ca_file=path), Access(tls_verify=False)))
    assert (usual.verify_mode, usual.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(usual.get_ca_certs()) > 50
    assert [each["subject"] for each in own.get_ca_certs()] == [((("commonName", "streamer tests"),),)]
    assert (anyone.verify_mode, anyone.check_hostname) == (ssl.CERT_NONE, False)


def test_ffmpeg_is_told_to_verify_which_it_does_not_by_itself() -> None:
    assert ffmpeg_options(ANY, "cam.example") == {
        "tls_verify": "1",
        "ca_file": certifi.where(),
        "verifyhost": "cam.example",
    }
    assert ffmpeg_options(Access(ca_file=Path("/own.pem")), "cam")["ca_file"] == "/own.pem"
    assert ffmpeg_options(Access(tls_verify=False), "cam") == {"tls_verify": "0"}


def test_a_file_without_certificates_is_an_error(tmp_path: Path) -> None:
    for content in (None, "nothing"):
        with pytest.raises(OSError, match=r".*"):
            ssl_context(Access(ca_file=vouching(tmp_path, content)))


def vouching(folder: Path, content: str | None) -> Path:
    """A file of certificates that holds this; None: that is not there."""
    path = folder / "own.pem"
    if content is not None:
        path.write_text(content)
    return path


def test_a_sources_context_is_made_once_and_again_when_the_file_has_changed(tmp_path: Path) -> None:
    path, other = tmp_path / "own.pem", tmp_path / "other.pem"
    for each in (path, other):
        write_certificate(each)
    trusted = Trusted(Access(ca_file=path))
    first = trusted.context()
    assert trusted.context() is first
    other.replace(path)
    assert trusted.context() is not first
    assert trusted.context() is trusted.context()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        trusted.context()


def test_contexts_of_other_settings_are_not_mixed_up() -> None:
    strict, lax = Trusted(ANY), Trusted(Access(tls_verify=False))
    assert [each.context().verify_mode for each in (strict, lax, strict)] == [
        ssl.CERT_REQUIRED,
        ssl.CERT_NONE,
        ssl.CERT_REQUIRED,
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no file"), ("", "holds no certificate"), ("nothing", "holds no certificate")],
)
def test_a_file_that_vouches_for_nobody_is_refused_in_words(tmp_path: Path, content: str | None, words: str) -> None:
    with pytest.raises(BadRequest, match=f"--source-ca: .*{words}|--source-ca: {words}"):
        check(Access(ca_file=vouching(tmp_path, content)))


def test_nor_is_a_folder_taken_and_a_certificate_is(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="--source-ca: "):
        check(Access(ca_file=tmp_path))
    write_certificate(tmp_path / "own.pem")
    check(Access(ca_file=tmp_path / "own.pem"))
    check(ANY)


async def test_a_source_that_is_tried_again_uses_the_context_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Access] = []

    def count(access: Access) -> ssl.SSLContext:
        made.append(access)
        return ssl_context(access)

    monkeypatch.setattr(trust, "ssl_context", count)
    monkeypatch.setattr(url, "backoff", lambda _: 0.0)
    viewer = Viewer()
    async with viewer.watching(UrlSource(f"http://127.0.0.1:{free_port()}/a.m3u8")):
        await viewer.until(lambda *_: len(viewer.states) > 4)
    assert len(made) == 1
