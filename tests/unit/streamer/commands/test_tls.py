"""The certificate of the server: given, or made here."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from streamer.commands import tls
from streamer.config import Config
from streamer.errors import BadRequest
from tests.support.certificates import write_certificate


def made(folder: Path, **more: object) -> tls.Certificate:
    config = Config.model_validate({"tls": "self", "data": folder, **more})
    certificate = tls.certificate(config)
    assert certificate is not None and certificate.made
    return certificate


def names_in(path: Path) -> x509.SubjectAlternativeName:
    kept = x509.load_pem_x509_certificate(path.read_bytes())
    return kept.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_without_the_settings_there_is_none() -> None:
    assert tls.certificate(Config()) is None


def test_one_is_made_for_the_names_and_addresses_of_the_machine_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "hall")
    monkeypatch.setattr(tls, "addresses", lambda *_: ["192.0.2.7"])
    first = made(tmp_path / "data", announce=("198.51.100.1",), host="0.0.0.0")
    assert (first.key.stat().st_mode & 0o777, first.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    held = names_in(first.path)
    assert held.get_values_for_type(x509.DNSName) == ["localhost", "hall", "hall.local"]
    assert set(map(str, held.get_values_for_type(x509.IPAddress))) == {"127.0.0.1", "::1", "192.0.2.7", "198.51.100.1"}
    before = first.fingerprint()
    assert len(before.split(":")) == 32
    again = made(tmp_path / "data")  # less is wanted: what is there serves
    assert again.fingerprint() == before
    assert sorted(each.name for each in (tmp_path / "data").iterdir()) == [tls.KEY, tls.CERTIFICATE]
    assert again.context().minimum_version >= ssl.TLSVersion.TLSv1_2
    monkeypatch.setattr(tls, "addresses", lambda *_: ["192.0.2.8"])
    assert made(tmp_path / "data").fingerprint() != before
    assert ipaddress.ip_address("192.0.2.8") in names_in(first.path).get_values_for_type(x509.IPAddress)


@pytest.mark.parametrize("left", [datetime.timedelta(days=-1), tls.RENEW - datetime.timedelta(hours=1)])
def test_one_that_ends_soon_is_made_again(tmp_path: Path, left: datetime.timedelta) -> None:
    first = made(tmp_path)
    secret = serialization.load_pem_private_key(first.key.read_bytes(), None)
    assert isinstance(secret, ec.EllipticCurvePrivateKey)
    name, now = x509.Name([]), datetime.datetime.now(datetime.UTC)
    old = x509.CertificateBuilder(name, name, secret.public_key(), 7, now - datetime.timedelta(days=400), now + left)
    signed = old.add_extension(names_in(first.path), critical=False).sign(secret, hashes.SHA256())
    first.path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    before = first.fingerprint()
    assert made(tmp_path).fingerprint() != before


@pytest.mark.parametrize("damaged", [tls.CERTIFICATE, tls.KEY])
@pytest.mark.parametrize("data", [b"", b"no PEM", None])
def test_one_that_is_damaged_is_made_again(tmp_path: Path, damaged: str, data: bytes | None) -> None:
    made(tmp_path)
    if data is None:
        (tmp_path / damaged).unlink()
    else:
        (tmp_path / damaged).write_bytes(data)
    made(tmp_path).context()


def test_where_it_cannot_be_kept_the_folder_is_named() -> None:
    with pytest.raises(BadRequest, match=r"cannot be kept in /dev/null") as refused:
        made(Path("/dev/null"))
    assert "--data" in refused.value.detail


def test_a_given_one_may_have_its_key_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "both.pem"
    write_certificate(path)
    certificate = tls.certificate(Config(tls_cert=path))
    assert certificate is not None and not certificate.made
    certificate.context()


def encrypted(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    secret = serialization.BestAvailableEncryption(b"password")
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret))


def test_files_that_do_not_serve_are_refused_in_words_and_without_asking_for_a_password(tmp_path: Path) -> None:
    own, other, text, locked = (tmp_path / name for name in ("own.pem", "other.pem", "text", "locked.pem"))
    write_certificate(own)
    write_certificate(other)
    text.write_text("hello")
    encrypted(locked)
    for cert, key, words in [
        (tmp_path / "none", None, "no file .*none"),
        (own, tmp_path / "none", "no file .*none"),
        (own, other, "not a certificate and its key"),
        (text, own, "not a certificate and its key"),
        (own, text, "not a certificate and its key"),
        (own, locked, "not a certificate and its key"),
        (tmp_path, None, "not a certificate and its key|cannot be read"),
    ]:
        certificate = tls.certificate(Config(tls_cert=cert, tls_key=key))
        assert certificate is not None
        with pytest.raises(BadRequest, match=words):
            certificate.context()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    write_certificate(path)
    path.chmod(0)
    certificate = tls.certificate(Config(tls_cert=path))
    assert certificate is not None
    with pytest.raises(BadRequest, match="cannot be read"):
        certificate.context()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tls_key": Path("key.pem")}, "needs --tls-cert"),
        ({"tls": "self", "tls_cert": Path("cert.pem")}, "leave it out"),
        ({"tls": "self", "tls_key": Path("key.pem")}, "leave it out"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        tls.certificate(Config.model_validate(settings))


def test_the_addresses_are_those_that_others_can_reach() -> None:
    found = [ipaddress.ip_address(each) for each in tls.addresses()]
    assert not [each for each in found if each.is_loopback or each.is_link_local]
