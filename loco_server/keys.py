"""Signing keys that the server makes at its first start and keeps, each in a file of its own (0600)."""

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

GATEWAY_KEY = "registry-tokens.pem"
"""Signs what tenants show to the registry gateway."""
UPSTREAM_KEY = "registry-upstream.pem"
"""Signs what the gateway and the server show to the registry itself."""
UPSTREAM_CERTIFICATE = "registry-upstream.crt"
UPLOADS_KEY = "registry-uploads.key"
"""The registry signs the state of uploads with it."""
SERVER_KEY = "server.key"
"""Pull tickets are made from it."""
VARIABLES = "variables.keys"
"""Seal the values of variables."""
_SERVER_KEY_BYTES = 32


def signing_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Give the P-256 key in the file, made when there is none.

    Raises:
        ValueError: the file holds something else.
    """
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        write(
            path,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
    found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is not an elliptic-curve key")  # noqa: TRY004  it is the file that is wrong
    return found


def certificate(path: Path, key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    """Give the certificate in the file; a self-signed one is made when there is none, or it is another key's."""
    if path.exists():
        found = x509.load_pem_x509_certificate(path.read_bytes())
        if found.public_key() == key.public_key():
            return found
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    write(path, made.public_bytes(serialization.Encoding.PEM))
    return made


def belong_together(key: Path, certificate: Path) -> bool:
    """Tell whether the certificate in one file is that of the key in the other.

    Raises:
        ValueError: a file holds something else.
    """
    return bool(x509.load_pem_x509_certificate(certificate.read_bytes()).public_key() == signing_key(key).public_key())


def server_key(path: Path) -> bytes:
    """Give the server's own secret (32 bytes), made at the first start. Raises as `secret` does."""
    return secret(path, lambda: secrets.token_bytes(_SERVER_KEY_BYTES), length=_SERVER_KEY_BYTES)


def uploads_key(path: Path) -> bytes:
    """Give what the registry signs the state of uploads with (64 hex digits), made when there is none."""
    return secret(path, lambda: secrets.token_hex(32).encode(), length=64)


def secret(path: Path, make: Callable[[], bytes], *, length: int) -> bytes:
    """Give the secret in the file, made when there is none.

    Raises:
        ValueError: the file holds something of another length: half of one, after a crash, would be a weak one.
    """
    if not path.exists():
        write(path, make())
    found = path.read_bytes()
    if len(found) != length:
        raise ValueError(f"{path} has {len(found)} bytes and should have {length}: put it back from a backup")
    return found


def write(path: Path, content: bytes) -> None:
    """Write a file for its owner alone. When this returns it outlives a power cut; until then the old one is there."""
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
