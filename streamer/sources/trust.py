"""Whose certificates are believed, by Python's TLS and by FFmpeg's, which on its own believes everybody's."""

from __future__ import annotations

import ssl

import certifi
import httpx

from streamer.access import Access
from streamer.errors import BadRequest


def ssl_context(access: Access) -> ssl.SSLContext:
    """For Python: the system's list and certifi's, or ``ca_file`` in place of them; or everybody. Raises OSError."""
    if not access.tls_verify:
        return httpx.create_ssl_context(verify=False)
    if access.ca_file is not None:
        return ssl.create_default_context(cafile=str(access.ca_file))
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


class Trusted:
    """
    One source's TLS context: made once, which takes tens of milliseconds, and again when ``ca_file`` has changed.

    Each source has its own: who connects by a context may change it, as httpcore does.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._made: tuple[tuple[int, ...], ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext:
        """The context. Raises OSError."""
        stamp: tuple[int, ...] = ()
        if self._access.ca_file is not None:
            found = self._access.ca_file.stat()
            stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._made is None or self._made[0] != stamp:
            self._made = stamp, ssl_context(self._access)
        return self._made[1]


def check(access: Access) -> None:
    """Raise BadRequest in words for a ``ca_file`` that cannot be read, or holds no certificate."""
    path = access.ca_file
    if path is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=str(path))
        held = context.cert_store_stats()["x509"]
    except ssl.SSLError:
        held = 0
    except FileNotFoundError:
        raise BadRequest(f"--source-ca: there is no file {path}.") from None
    except OSError as error:
        raise BadRequest(f"--source-ca: {path} cannot be read: {error.strerror or error}.") from None
    if not held:
        detail = "It takes PEM: a certificate begins with the line -----BEGIN CERTIFICATE-----."
        raise BadRequest(f"--source-ca: {path} holds no certificate.", detail=detail)


def ffmpeg_options(access: Access, host: str) -> dict[str, str]:
    """
    For FFmpeg: certifi's list, or ``ca_file`` in its place; or everybody. ``host``: whose name must be in it.

    FFmpeg takes one file, and PyAV's cannot be told of the system's list, which is a folder on many systems.
    """
    if not access.tls_verify:
        return {"tls_verify": "0"}
    return {"tls_verify": "1", "ca_file": str(access.ca_file or certifi.where()), "verifyhost": host}
