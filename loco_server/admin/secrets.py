"""The keys of a cluster's servers, made once and kept by the operator: the files of two Secrets."""

import os
from pathlib import Path

from loco_server import keys, sealing
from loco_server.registries.distribution import ISSUER
from loco_spec.errors import UsageError

OWN, OF_VARIABLES = "keys", "secret-keys"
"""The folders: what `loco-keys` and `loco-secret-keys` are made from."""
FILE = "keys"


def make(directory: Path) -> tuple[str, ...]:
    """Make every file, 0600, in folders of their own, 0700; give what to tell the operator.

    Raises:
        UsageError: the folder holds something, or cannot be used. What is there is never written over: other keys than
            those of the records would make every variable unreadable.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise UsageError(f"{directory} is not empty", hint="--directory a new folder; keys are made once")
        directory.chmod(0o700)
        own, of_variables = directory / OWN, directory / OF_VARIABLES
        keys.server_key(own / keys.SERVER_KEY)
        keys.signing_key(own / keys.GATEWAY_KEY)
        keys.certificate(own / keys.UPSTREAM_CERTIFICATE, keys.signing_key(own / keys.UPSTREAM_KEY), ISSUER)
        keys.uploads_key(own / keys.UPLOADS_KEY)
        keys.write(of_variables / FILE, sealing.written([sealing.new_key()]).encode())
    except OSError as e:
        raise UsageError(f"{directory} cannot be used: {os.strerror(e.errno or 0)}", hint="--directory DIR") from e
    return (
        f"made in {directory}; keep a copy where the backups of the database are not:",
        f"  kubectl create secret generic loco-keys -n loco-system --from-file={own}",
        f"  kubectl create secret generic loco-secret-keys -n loco-system --from-file={of_variables}",
    )
