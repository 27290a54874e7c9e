"""How the state says that it cannot be used."""

from __future__ import annotations


class StateError(Exception):
    """The database or the lake could not be read or written. The message says what to do."""


class StateMistake(StateError):
    """A variable that leads to the state cannot work, whatever runs: the operator has to change it."""

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(message)
        self.variable = variable
