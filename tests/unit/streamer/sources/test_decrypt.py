"""streamer.sources.decrypt: encrypted segments, read in pieces of any size."""

from __future__ import annotations

import io

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from streamer.sources.decrypt import Decrypted

KEY, IV = bytes(range(16)), bytes(range(16, 32))


def encrypted(data: bytes) -> bytes:
    padding, cipher = PKCS7(128).padder(), Cipher(algorithms.AES128(KEY), modes.CBC(IV)).encryptor()
    return cipher.update(padding.update(data) + padding.finalize()) + cipher.finalize()


def read(data: bytes, size: int, key: bytes = KEY) -> bytes:
    file = Decrypted(io.BytesIO(data), key, IV)
    pieces = list(iter(lambda: file.read(size), b""))
    assert max(map(len, pieces), default=0) <= size
    assert file.tell() == sum(map(len, pieces))
    return b"".join(pieces)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 31, 32, 1000])
@pytest.mark.parametrize("size", [1, 7, 16, 100, 5000])
def test_what_was_encrypted_comes_back(length: int, size: int) -> None:
    data = bytes(index % 251 for index in range(length))
    assert read(encrypted(data), size) == data


def test_what_was_cut_off_gives_what_is_there_and_another_key_no_error() -> None:
    data = bytes(1000)
    cut = read(encrypted(data)[:501], 100)
    assert data.startswith(cut)
    assert len(cut) >= 480
    assert read(encrypted(data), 100, IV) != data


@pytest.mark.parametrize(("key", "iv"), [(b"", IV), (KEY[:5], IV), (KEY, b"")])
def test_a_key_of_another_length_is_refused(key: bytes, iv: bytes) -> None:
    with pytest.raises(ValueError, match=r"size|length|key"):
        Decrypted(io.BytesIO(), key, iv)


def test_it_is_read_from_its_start_to_its_end() -> None:
    file = Decrypted(io.BytesIO(), KEY, IV)
    assert not file.seekable()
    with pytest.raises(OSError, match="sought"):
        file.seek(0)
