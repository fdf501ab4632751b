"""What the tests of fetching share."""

from __future__ import annotations

import ssl

import pytest

from tests.support.certificates import write_certificate
from tests.support.picture_server import Certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A throw-away certificate for NAME and 127.0.0.1."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    write_certificate(path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return Certificate(server, ssl.create_default_context(cafile=str(path)))
