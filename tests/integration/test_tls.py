"""A server with a certificate that it made itself: HTTPS, WebSocket, events; what it prints; who may come in."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from streamer.auth import Scope, keys_file
from streamer.client import AsyncClient
from streamer.commands import access, tls
from streamer.commands.serve import First, serve
from streamer.commands.terminal import Screen
from streamer.config import Config
from tests.support.weights import random_weights

WAIT = 60  # seconds until a test gives up


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


@asynccontextmanager
async def serving(config: Config, first: First) -> AsyncIterator[tuple[str, str]]:
    """Serve until the block ends: (address, what was printed)."""
    printed = io.StringIO()
    async with asyncio.TaskGroup() as tasks:
        served = tasks.create_task(serve(config, first, Screen(printed)))
        async with asyncio.timeout(WAIT):
            while "SHA-256" not in printed.getvalue():  # noqa: ASYNC110  (what is printed tells no one)
                await asyncio.sleep(0.05)
        address = re.search(r"https://localhost:\d+", printed.getvalue())
        assert address is not None
        try:
            yield address[0], printed.getvalue()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
    assert served.result() == 0


def shown_by(address: str) -> str:
    """The fingerprint of the certificate that a client gets to see."""
    port = int(address.rpartition(":")[2])
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=WAIT)
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256()).hex(":").upper()


async def test_a_phone_on_the_network_can_use_it(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "addresses", lambda *_: ["127.0.0.2"])  # stands for the one in a network
    data = tmp_path / "data"
    key = keys_file.add(data / access.KEYS_FILE, "phone", Scope.MANAGE)
    config = access.prepared(Config(host="0.0.0.0", port=0, checkpoint=weights, threads=1, tls="self", data=data))
    async with serving(config, First(["demo:?size=128x96"])) as (address, printed):
        port = address.rpartition(":")[2]
        assert f"https://127.0.0.2:{port}" in printed
        assert f"SHA-256 {await asyncio.to_thread(shown_by, address)}" in printed
        trusting = ssl.create_default_context(cafile=data / tls.CERTIFICATE)  # the one certificate, names checked
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=f"https://127.0.0.2:{port}", verify=trusting, timeout=WAIT) as http:
            assert (await http.get("/")).status_code == 200
            assert (await http.get("/sessions")).status_code == 401
            async with asyncio.timeout(WAIT):
                while not (found := (await http.get("/sessions", headers=headers)).json()["sessions"]):
                    pass
            made = (await http.post("/tokens", headers=headers)).json()["token"]
            session = found[0]["id"]
            async with http.stream("GET", f"/sessions/{session}/events", headers=headers) as events:
                assert await anext(events.aiter_lines()) == ": still here"
            uri = f"wss://127.0.0.2:{port}/sessions/{session}/results?api_key={made}"
            async with websockets.connect(uri, ssl=trusting) as socket, asyncio.timeout(WAIT):
                while json.loads(await socket.recv())["type"] != "result":
                    pass
        with pytest.raises(httpx.ConnectError, match=r"certificate verify failed|self-signed"):
            await httpx.AsyncClient().get(f"{address}/healthz")
        with pytest.raises(httpx.RemoteProtocolError):  # it speaks https alone
            async with httpx.AsyncClient() as plain:
                await plain.get(f"{address.replace('https', 'http')}/healthz")


async def test_our_client_takes_the_certificate_as_its_own_authority(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(port=0, checkpoint=weights, threads=1, tls="self", data=tmp_path, api_keys=("a-long-enough-key",))
    async with serving(config, First(["demo:?size=128x96"])) as (address, _):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / tls.CERTIFICATE))
        async with AsyncClient(address, api_key="a-long-enough-key", timeout=WAIT) as client:
            async with asyncio.timeout(WAIT):
                while not (found := await client.sessions()):
                    pass
            async with client.attach(found[0].id) as session:
                async for result in session.results(seconds=WAIT):
                    assert result.frame.width == 128
                    break
