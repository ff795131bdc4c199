"""Certificates for a test: an authority of its own, and what it signs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtensionOID, NameOID

_DAY = timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Pair:
    certificate: bytes
    key: bytes

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both, PEM; give their paths."""
        paths = folder / "cert.pem", folder / "key.pem"
        for path, content in zip(paths, (self.certificate, self.key), strict=True):
            path.write_bytes(content)
        return paths


class Authority:
    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(_name("an authority"), self._key.public_key(), names=(), ca=True)

    def pair(
        self, *names: str, begins: timedelta = -_DAY, ends: timedelta = 30 * _DAY, san: bytes | None = None
    ) -> Pair:
        """Sign a certificate for these names, good between these times from now; `san`: with these bytes for them."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Pair(
            self._sign(_name("a machine"), key.public_key(), names=names, begins=begins, ends=ends, san=san),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        names: tuple[str, ...],
        ca: bool = False,
        begins: timedelta = -_DAY,
        ends: timedelta = 30 * _DAY,
        san: bytes | None = None,
    ) -> bytes:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_name("an authority"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if san is not None:
            kind = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
            made = made.add_extension(x509.UnrecognizedExtension(kind, san), critical=False)
        elif names:
            made = made.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            )
        return made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
