"""The certificate of a machine that the world reaches: checked, handed to Envoy, and again whenever it changes."""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from loco_server.edge import public as edge
from loco_server.settings import Settings
from loco_spec.errors import UsageError

log = logging.getLogger("loco.certificate")

LOOK_EVERY = 5.0
WARN_BEFORE = timedelta(days=14)


class Certificate:
    """The two files that the operator names, and the one that Envoy watches. `say` tells the operator."""

    def __init__(self, settings: Settings, *, say: Callable[[str], None]) -> None:
        assert settings.public is not None  # noqa: S101  a machine on loopback has none
        self._public = settings.public
        self._domain = settings.domain
        self._say = say
        self.watched = settings.run_dir / "tls"
        self._fresh = settings.run_dir / "tls.new"
        self._handed: tuple[bytes, bytes] | None = None
        self._fault = ""
        self._ends = datetime.max.replace(tzinfo=UTC)
        self._warned: date | None = None

    def load(self) -> None:
        """Check the files, and hand them to Envoy.

        Raises:
            UsageError: they cannot be read, do not belong together, or are good for other names or times.
        """
        self.watched.mkdir(mode=0o700, exist_ok=True)
        found = self._read()
        self._ends = self._check(found)
        self._hand_over(found)
        self._warn()

    async def watch(self) -> None:
        """Take over what changes, until cancelled; what will not do is told once, and the one before serves on."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await asyncio.to_thread(self.look)
            except Exception:  # a full disk, say; what is there serves on
                log.exception("looking at the certificate stumbled; it goes on")

    def look(self) -> None:
        """See once whether there is another one."""
        try:
            found = self._read()
            if found == self._handed:
                self._fault = ""
                self._warn()
                return
            ends = self._check(found)
        except UsageError as e:
            if e.message != self._fault:  # also half of a renewal: the other file comes a moment later
                self._fault = e.message
                self._say(f"the certificate stays as it is: {e.message}")
            return
        self._hand_over(found)
        self._ends, self._fault = ends, ""
        self._say(f"the certificate is a new one, good until {ends:%Y-%m-%d}")

    def _warn(self) -> None:
        """Say once a day that it ends soon, or that it has."""
        now = datetime.now(UTC)
        if self._ends - now < WARN_BEFORE and now.date() != self._warned:
            self._warned = now.date()
            self._say(f"the certificate {'ended' if self._ends <= now else 'ends'} on {self._ends:%Y-%m-%d}: renew it")

    def _read(self) -> tuple[bytes, bytes]:
        found = []
        for path, flag in ((self._public.certificate, "--tls-cert"), (self._public.key, "--tls-key")):
            try:
                found.append(path.read_bytes())
            except OSError as e:
                raise UsageError(f"{path} cannot be read: {e.strerror}", hint=f"{flag} FILE") from e
        return found[0], found[1]

    def _check(self, found: tuple[bytes, bytes]) -> datetime:
        return check(*found, domain=self._domain, where=str(self._public.certificate), now=datetime.now(UTC))

    def _hand_over(self, found: tuple[bytes, bytes]) -> None:
        """Both in one file, moved into the watched folder as a whole: Envoy never sees the halves of two."""
        text = json.dumps(edge.secret(found[0].decode(), found[1].decode()))
        with os.fdopen(os.open(self._fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        self._fresh.replace(self.watched / edge.SECRET_FILE)
        self._handed = found


def check(certificate: bytes, key: bytes, *, domain: str, where: str, now: datetime) -> datetime:
    """Give when the certificate ends.

    Raises:
        UsageError: it will not do, and why.
    """
    try:
        leaf = x509.load_pem_x509_certificates(certificate)[0]
        certificate.decode("ascii")
        public, missing = leaf.public_key(), [name for name in _needed(domain) if not _covers(leaf, name)]
    except (ValueError, UnsupportedAlgorithm) as e:  # also one whose parts cannot be read
        raise UsageError(f"{where} is no certificate in PEM that can be used", hint="--tls-cert fullchain.pem") from e
    try:
        own = load_pem_private_key(key, password=None).public_key()
        key.decode("ascii")
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:  # what it says could show a piece of the key
        raise UsageError("the key is none in PEM, or it asks for a password", hint="--tls-key privkey.pem") from e
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if own.public_bytes(*form) != public.public_bytes(*form):
        raise UsageError(f"the key is not that of {where}", hint="--tls-cert and --tls-key of one pair")
    if missing:
        raise UsageError(
            f"{where} is not good for {', '.join(missing)}", hint=f"a certificate for *.{domain} has them all"
        )
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        times = f"from {leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}"
        raise UsageError(f"{where} is good {times}, and not now", hint="renew it")
    return leaf.not_valid_after_utc


def _needed(domain: str) -> tuple[str, ...]:
    return f"api.{domain}", f"registry.{domain}", f"*.{domain}"


def _covers(certificate: x509.Certificate, name: str) -> bool:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    listed = {each.lower() for each in names.get_values_for_type(x509.DNSName)}
    return name in listed or f"*.{name.partition('.')[2]}" in listed


def layout(settings: Settings, watched: Path) -> edge.PublicLayout | None:
    """Give what Envoy is told of it; None on loopback."""
    public = settings.public
    if public is None:
        return None
    return edge.PublicLayout(
        address=public.address,
        https_port=public.https_port,
        http_port=public.http_port,
        api_host=f"api.{settings.domain}",
        registry_host=f"registry.{settings.domain}",
        api_socket=settings.api_socket,
        watched=watched,
    )
