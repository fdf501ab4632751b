"""A WHIP client that nobody here wrote: FFmpeg's, through PyAV. It publishes a file, and results come out."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.camera import number_of, numbered
from tests.support.documents import ROOT
from tests.support.models import untrained
from tests.support.serving import Served, read, serving

FPS = 15
SIZE = (320, 240)
SECONDS = 100  # until a test gives up

pytestmark = pytest.mark.skipif("whip" not in av.formats_available, reason="needs PyAV with FFmpeg's whip muxer")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained()) as served:
        yield served


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """
    A certificate and its P-256 key, for the muxer's options ``cert_file`` and ``key_file``.

    Without them it makes a key of its own, which aiortc's OpenSSL refuses (FFmpeg before March 2026).
    """
    folder = tmp_path_factory.mktemp("identity")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = built.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.TraditionalOpenSSL
    plain = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(plain)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="module", params=["baseline", "high"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of numbered pictures, as WebRTC wants it: H.264 without B-frames, parameters before each keyframe."""
    path = tmp_path_factory.mktemp("recording") / "numbers.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"profile": request.param, "tune": "zerolatency", "preset": "veryfast", "g": str(FPS)}
        stream.codec_context.thread_count = 1
        for number in range(4 * FPS):
            frame = av.VideoFrame.from_ndarray(numbered(number, *SIZE), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@contextmanager
def publishing(served: Served, query: str, recording: Path, identity: tuple[Path, Path]) -> Iterator[str]:
    """Publish in a process of its own; the session's id."""
    arguments = [f"http://{served.address}/whip{query}", str(recording), *map(str, identity)]
    command = [sys.executable, "-m", "tests.support.whip_publisher", *arguments]
    before = ids(served)
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + SECONDS
            while not (new := ids(served) - before):
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < end
                time.sleep(0.05)
            yield new.pop()
            _, errors = process.communicate(timeout=SECONDS)  # closes its standard input
            assert process.returncode == 0, errors
        finally:
            process.kill()


def ids(served: Served) -> set[str]:
    return {each["id"] for each in served.http.get("/sessions").json()["sessions"]}


def test_a_published_file_gives_results_about_the_pictures_in_it(
    served: Served, recording: Path, identity: tuple[Path, Path]
) -> None:
    """The picture that a result is about carries the number that its media time says."""
    with publishing(served, "?prompt=red+circle", recording, identity) as id:  # noqa: A001
        matched = 0
        with served.results(id, "?pictures=1") as socket:
            first: tuple[int, int] | None = None
            while matched < 5:
                picture = socket.recv(timeout=SECONDS)
                if not isinstance(picture, bytes):
                    continue
                result = read(socket, "result")
                assert result["frame"]["index"] == int.from_bytes(picture[:4], "little")
                assert result["prompt_results"][0]["echo"]["text"] == "red circle"
                number = number_of(_picture(picture[4:]))
                if first is None:
                    first = number, result["frame"]["pts"]
                passed = round((result["frame"]["pts"] - first[1]) / 90_000 * FPS)
                assert number == (first[0] + passed) % (4 * FPS)
                matched += 1
        found = served.http.get(f"/sessions/{id}").json()
        assert found["state"] == "live"
        assert found["frame"]["rtp_timestamp"] is not None
        assert (found["frame"]["width"], found["frame"]["height"]) == SIZE
    served.http.delete(f"/sessions/{id}")


def test_when_the_file_ends_the_muxer_takes_its_session_with_it(
    served: Served, recording: Path, identity: tuple[Path, Path]
) -> None:
    """FFmpeg sends a DELETE to the Location of the answer."""
    with publishing(served, "", recording, identity) as id, served.results(id) as socket:  # noqa: A001
        read(socket, "result")
    assert served.http.get(f"/sessions/{id}").status_code == 404


def _picture(jpeg: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
