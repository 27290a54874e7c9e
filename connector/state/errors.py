"""How the state says that it cannot be used."""

from __future__ import annotations


class StateError(Exception):
    """The database or the lake could not be read or written. The message says what to do."""
