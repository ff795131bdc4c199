"""The file that holds the keys of variables: the server's own in the data folder, or one that the operator keeps."""

from collections.abc import Iterable
from pathlib import Path

from loco_server import keys, sealing
from loco_server.sealing import Key
from loco_server.settings import Settings
from loco_spec.errors import UsageError


class KeyFile:
    def __init__(self, settings: Settings) -> None:
        self.path: Path = settings.secret_keys or settings.keys_dir / keys.VARIABLES
        self.ours = settings.secret_keys is None
        """Ours is made at the first start and written anew by a rotation; the operator's is only read."""

    def load(self, *, make: bool) -> tuple[Key, ...]:
        """Give the keys; one is made where ours is not there yet, and nothing needs an older one (`make`).

        Raises:
            UsageError: the file is not there, or holds something else.
        """
        if make and self.ours and not self.path.exists():
            self.save([sealing.new_key()])
        try:
            return sealing.read(self.path.read_text(encoding="ascii"))
        except FileNotFoundError as e:
            raise UsageError(
                f"the keys that variables are sealed with are not there: {self.path}",
                hint="put the file back, from the backup that the records are from",
            ) from e
        except OSError as e:
            raise UsageError(f"{self.path} cannot be read: {e.strerror}", hint="correct its permissions") from e
        except UnicodeDecodeError:
            raise self._wrong("it is not a text of keys") from None  # the fault would show what stands there
        except ValueError as e:
            raise self._wrong(str(e)) from None

    def save(self, found: Iterable[Key]) -> None:
        keys.write(self.path, sealing.written(found).encode())

    def _wrong(self, why: str) -> UsageError:
        return UsageError(f"{self.path}: {why}", hint="lines are like k1:<base64 of 32 bytes>; the first one seals")
