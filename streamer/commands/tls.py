"""TLS of the server: a certificate that is given, or one made here and kept, with its own fingerprint."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from streamer import secret_file
from streamer.config import Config
from streamer.errors import BadRequest

DAYS = 397  # what browsers take at most of a certificate
RENEW = datetime.timedelta(days=30)  # before its end it is made anew
CERTIFICATE, KEY = "certificate.pem", "certificate-key.pem"  # in the data folder

Name = x509.DNSName | x509.IPAddress


class Certificate:
    """A certificate and its key, as files. ``made``: it was made here, and browsers will ask about it."""

    def __init__(self, path: Path, key: Path, *, made: bool) -> None:
        self.path, self.key, self.made = path, key, made

    def context(self) -> ssl.SSLContext:
        """What a server speaks TLS with, 1.2 or newer. Raises BadRequest in words when the files do not serve."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.path, self.key, password=_no_password)
        except FileNotFoundError:
            missing = self.key if self.path.exists() else self.path
            raise BadRequest(f"There is no file {missing}.") from None
        except ssl.SSLError as error:
            raise BadRequest(
                f"{self.path} and {self.key} are not a certificate and its key: {error.reason or error}.",
                detail="Both are PEM; the key belongs to the first certificate and is not encrypted.",
            ) from None
        except OSError as error:
            raise BadRequest(f"{self.path} or {self.key} cannot be read: {error.strerror or error}.") from None
        return context

    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as browsers show it: ``AB:CD:…``."""
        certificate = x509.load_pem_x509_certificates(self.path.read_bytes())[0]
        return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def certificate(config: Config) -> Certificate | None:
    """
    The certificate that the settings ask for; None: the server speaks plain HTTP.

    Raises BadRequest for settings that contradict each other, and when a certificate cannot be made or kept.
    """
    if config.tls is None:
        if config.tls_cert is None:
            if config.tls_key is not None:
                raise BadRequest("--tls-key needs --tls-cert, the certificate that it belongs to.")
            return None
        return Certificate(config.tls_cert, config.tls_key or config.tls_cert, made=False)
    if config.tls_cert is not None or config.tls_key is not None:
        raise BadRequest("--tls self makes a certificate; with --tls-cert, leave it out.")
    return _own(config.data_folder, names(config))


def names(config: Config) -> list[Name]:
    """
    The names and addresses at which this machine may be asked for: its own, and those that are announced.

    IPv6 addresses change by the day, and each certificate must be accepted anew: they are there for IPv6 hosts only.
    """
    host = socket.gethostname()
    words = ["localhost", host, *([] if "." in host else [f"{host}.local"])]
    found = ["127.0.0.1", "::1", *addresses(), *config.announce]
    if ":" in config.host:
        found += addresses(socket.AF_INET6)
    with contextlib.suppress(ValueError):
        found.append(str(ipaddress.ip_address(config.host)))
    every = [ipaddress.ip_address(each) for each in found]
    listed = dict.fromkeys(each for each in every if not each.is_unspecified)
    return [*(x509.DNSName(word) for word in dict.fromkeys(words) if _is_name(word)), *map(x509.IPAddress, listed)]


def addresses(family: socket.AddressFamily = socket.AF_INET) -> list[str]:
    """The addresses of this machine in its networks, without loopback and those that hold on one link only."""
    of_all = [
        each.address for interface in psutil.net_if_addrs().values() for each in interface if each.family == family
    ]
    found = [ipaddress.ip_address(each.partition("%")[0]) for each in of_all]
    return [str(each) for each in found if not (each.is_loopback or each.is_link_local)]


def _own(folder: Path, wanted: Sequence[Name]) -> Certificate:
    """The certificate of a folder; made anew when there is none, it ends soon, or a name or address is not in it."""
    path, key = folder / CERTIFICATE, folder / KEY
    if not _serves(path, key, wanted):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            secret, public = _make(wanted)
            secret_file.write(key, secret)
            secret_file.write(path, public)
        except OSError as error:
            detail = "Name another folder with --data, or give a certificate with --tls-cert and --tls-key."
            raise BadRequest(
                f"The certificate cannot be kept in {folder}: {error.strerror or error}.", detail=detail
            ) from None
    return Certificate(path, key, made=True)


def _serves(path: Path, key: Path, wanted: Sequence[Name]) -> bool:
    try:
        kept = x509.load_pem_x509_certificate(path.read_bytes())
        secret = serialization.load_pem_private_key(key.read_bytes(), None)
        held = kept.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    left = kept.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return kept.public_key() == secret.public_key() and left > RENEW and set(wanted) <= set(held)


def _make(wanted: Sequence[Name]) -> tuple[bytes, bytes]:
    """A key and a certificate of its own, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sam3-streamer")])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of phones
        .not_valid_after(now + datetime.timedelta(days=DAYS - 1))
        .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _is_name(word: str) -> bool:
    return word.isascii() and all(part and part.replace("-", "a").isalnum() for part in word.split("."))


def _no_password() -> str:
    """Asked for an encrypted key; without this OpenSSL would ask at the terminal, and wait there."""
    return ""
