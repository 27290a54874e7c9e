"""Where local state lives: a directory that only its owner can look into, because it holds personal data."""

from __future__ import annotations

import os
from pathlib import Path

from connector.state.errors import StateError

HOME_VARIABLE = "CONNECTOR_HOME"


def home() -> Path:
    """`$CONNECTOR_HOME`, else `.connector` in the current directory; absolute, created when absent."""
    return private_directory(Path(os.environ.get(HOME_VARIABLE) or ".connector").expanduser().absolute())


def private_directory(path: Path) -> Path:
    """Makes the directory and its missing parents with mode 0700; one that exists keeps the mode its owner gave it."""
    missing = [parent for parent in (path, *path.parents) if not parent.exists()]
    try:
        for directory in reversed(missing):
            directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"The directory {path} could not be made ({error.strerror}). Nothing was done. "
            f"Point {HOME_VARIABLE} to a directory that can be written."
        ) from error
    return path
