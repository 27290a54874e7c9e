"""Sealing of what must not lie readable in the database."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connector.state.errors import StateError, StateMistake

KEYS_VARIABLE = "CONNECTOR_KEYS"


class Sealer:
    """Seals with the first key of `$CONNECTOR_KEYS`, opens with any of them; without the variable, `home/key`."""

    def __init__(self, home: Path) -> None:
        given = [key.strip() for key in os.environ.get(KEYS_VARIABLE, "").split(",") if key.strip()]
        self.where = KEYS_VARIABLE if given else str(home / "key")
        try:
            keys = [Fernet(key) for key in given or [_own_key(home / "key")]]
        except ValueError:
            # Not chained: the library's message may come to quote the key.
            message = (
                f"{self.where} holds something that is not a key. Nothing was done. A key is 32 random bytes in "
                "URL-safe base64; put back the right one, or what was sealed with it stays closed."
            )
            raise (StateMistake(KEYS_VARIABLE, message) if given else StateError(message)) from None
        self._first, self._any = keys[0], MultiFernet(keys)
        self.has_older_keys = len(keys) > 1

    def seal(self, content: bytes) -> bytes:
        """What `open` turns back into `content`."""
        return self._first.encrypt(content)

    def open(self, sealed: bytes) -> bytes:
        """The content. Raises `StateError` when it was sealed with a key that is not there any more."""
        try:
            return self._any.decrypt(sealed)
        except InvalidToken:
            raise StateError(
                f"A kept record cannot be opened with the keys of {self.where}. It is still there. "
                f"Add the key that sealed it at the end of {KEYS_VARIABLE} (keys are separated by commas)."
            ) from None

    def resealed(self, sealed: bytes) -> bytes | None:
        """The same content sealed with the first key; None when it is already. Raises as `open` does."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return self.seal(self.open(sealed))
        return None


def _own_key(file: Path) -> str:
    """The key in the file, which is made first if it is not there. Of several processes that make it, one wins."""
    try:
        if not file.exists():
            _make_key(file)
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(
            f"The key {file} could not be read or made ({error}). Nothing was done. "
            f"Check the owner of the file and the room on the disk, or give {KEYS_VARIABLE}."
        ) from error


def _make_key(file: Path) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=".key.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(Fernet.generate_key())
            handle.flush()
            os.fsync(handle.fileno())
        with suppress(FileExistsError):
            os.link(temporary, file)  # never overwrites, never shows half a key
    finally:
        os.unlink(temporary)
