"""Who the server is gets checked: with a certificate that nobody vouches for it is told nothing, the token least of all."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.shopimind.client import ShopiMind


class Unvouched:
    """A TLS server on this machine that signed its own certificate, right but for that; what it was told, and how often."""

    def __init__(self, folder: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self_signed(folder))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        self.told, self.connections = b"", 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._socket.accept()
                self.connections += 1
                with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as connection:
                    self.told += connection.recv(4096)

    def close(self) -> None:
        self._socket.close()


def self_signed(folder: Path) -> Path:
    """Key and certificate of 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "server.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(pem))
    return file


@pytest.fixture
def unvouched(tmp_path: Path) -> Iterator[Unvouched]:
    server = Unvouched(tmp_path)
    yield server
    server.close()


def test_shopimind_with_an_unknown_certificate_gets_no_token(unvouched: Unvouched) -> None:
    with ShopiMind("int_secret_token", unvouched.url) as client:
        told = client.customers.list()
    assert not told.ok
    assert told.error is not None
    assert told.error.code == "ERR_TLS_CERT"
    assert (unvouched.connections, unvouched.told) == (1, b"")  # nor is it tried again
