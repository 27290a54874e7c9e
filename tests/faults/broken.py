"""The error of a promise that did not hold."""

from __future__ import annotations


class Broken(AssertionError):
    """A promise did not hold."""


def promise(holds: object, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
