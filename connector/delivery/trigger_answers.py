"""What an answer to a trigger says of it: taken, refused, certainly not taken, or nothing that can be relied on."""

from __future__ import annotations

from enum import Enum, auto

from connector.shopimind.envelope import Envelope

# The request reached nobody: there was no server to connect to.
_NO_CONNECTION = frozenset({"ECONNREFUSED", "ENOTFOUND"})


class Answer(Enum):
    TAKEN = auto()
    REFUSED = auto()  # for what was asked: asked again, it would be refused again
    NOT_TAKEN = auto()  # for the moment: it may be asked again
    UNCLEAR = auto()  # it may have been taken


def answer_of(envelope: Envelope) -> Answer:
    """Only what is clear by HTTP's own meaning counts as clear.

    A 429 and a 401 turn away before anything is done, and so does a 503 that asks to come back (`Retry-After`). Any other
    5xx may come from a gateway that lost the answer of a server which has done what was asked; a 408 and a redirect too.
    """
    if envelope.ok:
        return Answer.TAKEN
    status, error = envelope.status_code, envelope.error
    if status in (401, 429) or (status == 503 and error is not None and error.retry_after is not None):
        return Answer.NOT_TAKEN
    if 400 <= status < 500 and status != 408:
        return Answer.REFUSED
    if status == 0 and error is not None and error.code in _NO_CONNECTION:
        return Answer.NOT_TAKEN
    return Answer.UNCLEAR
