"""Segments of HLS that are encrypted whole (METHOD=AES-128): RFC 8216, section 5.2."""

from __future__ import annotations

import logging
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

log = logging.getLogger(__name__)


class Readable(Protocol):
    """What is read."""

    def read(self, size: int) -> bytes:
        """Some bytes, none at the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Decrypted:
    """An encrypted file as it was before: AES-128 in CBC mode, padded by PKCS #7. It is read from start to end."""

    def __init__(self, file: Readable, key: bytes, iv: bytes) -> None:
        """``key`` and ``iv`` have 16 bytes each; raises ValueError where not."""
        self._file = file
        self._cipher = Cipher(algorithms.AES128(key), modes.CBC(iv)).decryptor()
        self._padding = PKCS7(algorithms.AES128.block_size).unpadder()
        self._rest = b""
        self._at = 0
        self._over = False
        self.close = file.close

    def read(self, size: int) -> bytes:
        """Some bytes; none at the end, or where what is there was not made with this key."""
        while not self._rest and not self._over:
            part = self._file.read(size)
            self._over = not part
            self._rest = self._padding.update(self._cipher.update(part)) if part else self._last()
        given, self._rest = self._rest[:size], self._rest[size:]
        self._at += len(given)
        return given

    def _last(self) -> bytes:
        try:
            return self._padding.update(self._cipher.finalize()) + self._padding.finalize()
        except ValueError:
            log.info("An encrypted part of a stream was cut off, or is encrypted with another key.")
            return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """It cannot. Raises OSError."""
        raise OSError("that cannot be sought")

    def tell(self) -> int:
        """Where it is read."""
        return self._at

    def seekable(self) -> bool:
        """It is not."""
        return False
