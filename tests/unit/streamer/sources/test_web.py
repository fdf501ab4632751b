"""streamer.sources.web: HTTP as files, against real servers on addresses of this machine."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.access import ANY, Access, NotAllowed
from streamer.sources.web import MAX_REDIRECTS, Limits, Web, WebError
from tests.support.certificates import write_certificate
from tests.support.web import leads, says, web

FILM = bytes(range(256)) * 40
ONE = Access(networks=("127.0.0.1/32",))


@contextlib.contextmanager
def reading(access: Access = ANY, seconds: float = 5.0) -> Iterator[Web]:
    made = Web(access, Limits(seconds, seconds))
    try:
        yield made
    finally:
        made.close()


def whole(client: Web, url: str) -> bytes:
    file = client.open(url)
    with contextlib.closing(file):
        return b"".join(iter(lambda: file.read(1000), b""))


def test_a_file_is_read_sought_in_and_read_in_part() -> None:
    with web({"/film": says(FILM, Content_Type="video/mp4; x=y")}) as site, reading(ONE) as client:
        url = f"http://{site.place}/film?a=b%20c"
        assert whole(client, url) == FILM
        file = client.open(url)
        assert (file.kind, file.length, file.seekable(), file.readable()) == ("video/mp4", len(FILM), True, True)
        assert file.seek(-6, 2) == len(FILM) - 6
        assert file.read(100) + file.read(100) == FILM[-6:]
        assert (file.seek(2), file.tell(), file.read(3)) == (2, 2, FILM[2:5])
        file.close()
        with contextlib.closing(client.open(url, 10, 30)) as part:
            assert part.length == 20
            assert part.seek(5) == 5
            assert part.read(100) == FILM[15:30]
    assert {path for path, _ in site.asked} == {"/film?a=b%20c"}


def test_what_has_no_length_cannot_be_sought_in() -> None:
    def stream(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(FILM)
        request.close_connection = True

    with web({"/live": stream}) as site, reading() as client:
        assert whole(client, f"http://{site.place}/live") == FILM
        with contextlib.closing(client.open(f"http://{site.place}/live")) as file:
            assert (file.length, file.seekable()) == (None, False)
            with pytest.raises(OSError, match="cannot be sought"):
                file.seek(10)


def test_a_redirect_is_judged_and_nothing_is_sent_where_it_may_not_lead() -> None:
    with web({"/film": says(FILM)}, "127.0.0.2") as far, web({}) as near, reading(ONE) as client:
        answers = {
            "/far": leads(f"http://{far.place}/film"),
            "/number": leads(f"http://0x7f000002:{far.place.partition(':')[2]}/film"),
            "/near": leads("/film"),
            "/film": says(FILM),
        }
        with web(answers) as near:
            assert whole(client, f"http://{near.place}/near") == FILM
            for path in ("far", "number"):
                with pytest.raises(NotAllowed):
                    client.open(f"http://{near.place}/{path}")
    assert far.connections == 0


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/around", f"more than {MAX_REDIRECTS} times"),
        ("file:///etc/hostname", "no address"),
        ("rtsp://127.0.0.1/1", "something else"),
        ("http://[::1/", "broke off, or answered no HTTP"),
    ],
)
def test_a_redirect_that_is_not_followed_is_told(target: str, words: str) -> None:
    with web({"/around": leads(target)}) as site, reading() as client, pytest.raises(WebError, match=words):
        client.open(f"http://{site.place}/around")


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_an_error_has_its_status(status: int) -> None:
    with (
        web({"/a": says(b"", status)}) as site,
        reading() as client,
        pytest.raises(WebError, match=f"error: {status}") as refused,
    ):
        client.open(f"http://{site.place}/a")
    assert refused.value.status == status


def test_compressed_answers_are_refused() -> None:
    answers = {"/a": says(b"x", Content_Encoding="gzip")}
    with web(answers) as site, reading() as client, pytest.raises(WebError, match="compressed"):
        client.open(f"http://{site.place}/a")


def basic(request: http.server.BaseHTTPRequestHandler) -> None:
    """Let ``me`` with ``pä ss:w@rd`` in."""
    right = request.headers.get("Authorization") == "Basic bWU6cMOkIHNzOndAcmQ="
    says(FILM)(request) if right else says(b"", 401, WWW_Authenticate='Basic realm="cam"')(request)


def digest(request: http.server.BaseHTTPRequestHandler) -> None:
    """The same, as cameras do it: RFC 2617."""
    given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.headers.get("Authorization", "")))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    mine = md5(f"{md5('me:cam:pä ss:w@rd')}:abc:{md5('GET:/film')}")
    right = given.get("response") == mine
    says(FILM)(request) if right else says(b"", 401, WWW_Authenticate='Digest realm="cam", nonce="abc"')(request)


@pytest.mark.parametrize("lock", [basic, digest])
@pytest.mark.parametrize("password", ["pä ss:w@rd", "p%C3%A4%20ss%3Aw%40rd"])
def test_a_login_is_sent_in_the_way_that_is_asked_for_and_nowhere_else(lock: object, password: str) -> None:
    with web({"/film": says(FILM)}, "127.0.0.2") as far:
        answers = {"/film": lock, "/far": leads(f"http://{far.place}/film")}
        with web(answers) as site, reading() as client:  # type: ignore[arg-type]
            assert whole(client, f"http://me:{password}@{site.place}/film") == FILM
            assert whole(client, f"http://{site.place}/film") == FILM  # a segment of the same place
            assert whole(client, f"http://{site.place}/far") == FILM
            with pytest.raises(WebError) as refused:
                whole(client, f"http://me:wrong@{site.place}/film")
    assert refused.value.status == 401
    assert "Authorization" not in far.asked[0][1]


def test_a_certificate_must_be_trusted_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    write_certificate(path)
    with web({"/a": says(FILM), "/plain": leads("http://127.0.0.1/")}, certificate=path) as site:
        url = f"https://{site.place}/a"
        with reading() as client, pytest.raises(ssl.SSLCertVerificationError):
            client.open(url)
        for access in (Access(ca_file=path), Access(tls_verify=False)):
            with reading(access) as client:
                assert whole(client, url) == FILM
                with pytest.raises(WebError, match="from https to http"):
                    client.open(f"https://{site.place}/plain")
        with reading(Access(ca_file=path)) as client, pytest.raises(ssl.SSLCertVerificationError):
            client.open(url.replace("127.0.0.1", "localhost"))  # another name than the certificate's


def test_a_server_that_wants_a_certificate_of_ours_has_one_that_is_trusted_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    write_certificate(path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(path))
    context.load_cert_chain(path)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as near, contextlib.suppress(OSError):
                context.wrap_socket(near, server_side=True)

        serving = threading.Thread(target=serve)
        serving.start()
        with reading(Access(ca_file=path)) as client, pytest.raises(WebError, match="broke off"):
            client.open(f"https://127.0.0.1:{listening.getsockname()[1]}/a")
        serving.join()


def test_no_proxy_of_the_environment_leads_past_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    with web({}) as proxy, web({"/a": says(FILM)}) as site:
        for name in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.place}")
        monkeypatch.delenv("no_proxy", raising=False)
        with reading() as client:
            assert whole(client, f"http://{site.place}/a") == FILM
    assert proxy.connections == 0


def test_a_name_is_asked_for_once_and_the_connection_goes_to_what_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes its mind between the look and the connection (DNS rebinding) gains nothing."""
    asked: list[str] = []

    def addresses_of(host: str, port: int, *, flags: int = 0) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if asked == ["cam.example"] else ["127.0.0.2"]

    monkeypatch.setattr("streamer.access.addresses_of", addresses_of)
    with web({"/a": says(FILM)}) as site, reading(ONE) as client:
        assert whole(client, f"http://cam.example:{site.place.partition(':')[2]}/a") == FILM
    assert asked == ["cam.example"]
    assert site.asked[0][1]["Host"].startswith("cam.example:")


def test_what_does_not_answer_is_told_as_such() -> None:
    with web({}) as site:
        pass
    with reading() as client:
        with pytest.raises(ConnectionRefusedError):
            client.open(f"http://{site.place}/a")
        with pytest.raises(WebError, match="cannot be resolved"):
            client.open("http://camera.invalid/a")
        with pytest.raises(WebError, match="no address"):
            client.open("http://camera:99999/a")
