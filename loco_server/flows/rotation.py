"""A new key for variables, while everything runs: it becomes the first, and every value is sealed with it again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from loco_server import sealing
from loco_server.records.variables import SealedRow, Variables
from loco_server.sealing import Keyring, UnreadableError
from loco_server.variable_keys import KeyFile
from loco_spec.errors import Conflict, LocoError

BATCH = 100
"""Values in one transaction: those who want to write wait for no more than that."""

_BACK = "put the key back: from the backup that the records are from, or from where you keep it"


@dataclass(frozen=True)
class Rotated:
    key_id: str
    """What seals now."""
    values: int
    """So many were sealed again."""
    resumed: bool
    """An earlier rotation was cut short; this one has finished it, and made no key of its own."""
    unneeded: tuple[str, ...]
    """Keys that nothing needs any more: gone from the server's own file, the operator's to remove from theirs."""


class Rotation:
    def __init__(self, *, variables: Variables, keyring: Keyring, key_file: KeyFile) -> None:
        self._variables = variables
        self._keyring = keyring
        self._key_file = key_file
        self._one = asyncio.Lock()

    async def unlock(self) -> None:
        """At the start: read the keys, and see that each value can be opened, before anybody is served.

        Raises:
            LocoError: a key is missing, or is not the one that its values were sealed with.
        """
        samples = await self._variables.samples()
        self._keyring.adopt(self._key_file.load(make=not samples))
        for key_id, rows in samples.items():
            if key_id not in self._keyring.ids:
                raise LocoError(
                    f"variables are sealed with the key {key_id}, and {self._key_file.path} does not have it",
                    hint=_BACK,
                )
            if not any(self._opens(row) for row in rows):
                raise LocoError(
                    f"the key {key_id} in {self._key_file.path} is not the one that variables are sealed with",
                    hint=_BACK,
                )

    async def rotate(self, progress: Callable[[int, int], None] = lambda _done, _total: None) -> Rotated:
        """Seal every value with a new key; what is read and set meanwhile is readable all the time.

        Cut short at any point it has done no harm: the new key is on the disk before the first value needs it, the old
        ones until no value does, and the next call goes on.

        Args:
            progress: is told how many are done, of how many.

        Raises:
            LocoError: a value cannot be opened, or the operator's file has no new key. Nothing is lost.
        """
        if self._one.locked():
            raise Conflict("the keys are being rotated already", hint="wait until that is done")
        async with self._one:
            return await self._rotate(progress)

    async def _rotate(self, progress: Callable[[int, int], None]) -> Rotated:
        before = self._keyring.keys[0]
        if not self._key_file.ours:
            self._adopt_theirs()
        elif not await self._left():
            fresh = (sealing.new_key(self._keyring.ids), *self._keyring.keys)
            self._key_file.save(fresh)
            self._keyring.adopt(fresh)
        resumed = self._keyring.keys[0] == before
        first, total, done = self._keyring.ids[0], await self._left(), 0
        if resumed and not total:
            raise Conflict(
                f"{self._key_file.path} has no new key: {first} is the first, and seals everything already",
                hint="write a new key as its first line, keep the others below it, and rotate again",
            )
        while rows := await self._variables.not_sealed_with(first, limit=BATCH):
            try:
                await self._variables.seal_again(rows)
            except UnreadableError as e:
                raise LocoError(
                    f"the rotation has stopped, and no key was dropped: {e}",
                    hint="let its app set it again, or purge it; then rotate again",
                ) from e
            done += len(rows)
            progress(done, max(done, total))
            await asyncio.sleep(0)
        unneeded = self._keyring.ids[1:]
        if self._key_file.ours:
            self._key_file.save(self._keyring.keys[:1])
            self._keyring.adopt(self._keyring.keys[:1])
        return Rotated(key_id=first, values=done, resumed=resumed, unneeded=unneeded)

    def _adopt_theirs(self) -> None:
        """Read the operator's file again. A key that is in use here and missing there would make values unreadable."""
        found = self._key_file.load(make=False)
        gone = [key.id for key in self._keyring.keys if key not in found]
        if gone:
            raise Conflict(
                f"{self._key_file.path} has lost the key {', '.join(gone)}, which values may be sealed with",
                hint="keep old keys below the new one until the rotation says that nothing needs them",
            )
        self._keyring.adopt(found)

    def _opens(self, row: SealedRow) -> bool:
        try:
            self._keyring.open(row.place, row.value)
        except UnreadableError:
            return False
        return True

    async def _left(self) -> int:
        return await self._variables.count_not_sealed_with(self._keyring.ids[0])
