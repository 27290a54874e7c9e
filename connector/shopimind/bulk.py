"""Bulk saves: chunks sent side by side, each with an outcome of its own, and what it takes to believe a 2xx."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, Protocol

import orjson

from connector.http import STOPPED
from connector.shopimind.envelope import (
    NO_REASON,
    NOT_SENT,
    PARTIAL_FAILURE,
    UNIDENTIFIED,
    ApiError,
    Envelope,
    rejected_entries,
    rejections,
    whole,
)
from connector.shopimind.transport import Transport, unusable

log = logging.getLogger(__name__)

COUNTERS = {"sent_count", "rejected_count"}

Chunk = Sequence[bytes]  # items, each one encoded JSON object
Send = Callable[[Chunk, threading.Event], Envelope]


class Saves(Protocol):
    """A resource that takes an array of items on one path."""

    transport: Transport
    path: str


def save_chunks(resource: Saves, chunks: Iterable[Chunk], in_flight: int = 8) -> Iterator[tuple[int, Envelope]]:
    """Saves the chunks, at most `in_flight` at once; yields (place of the chunk, its envelope) as they are answered.

    Chunks are pulled in the calling thread as there is room for them, and there is again when the caller asks for the
    next outcome: what was sent and not yet told is never more than `in_flight`, and the transport's pace may keep more
    of it waiting. A failed chunk is yielded like the others and stops nothing, except after a 401: then no other is
    started or tried again, those in flight are still yielded, and the chunks whose place never came were not sent. An
    error of the `chunks` iterable itself is raised after everything in flight was yielded. Closing the generator waits
    for the requests in flight, without trying them again.
    """

    def send(chunk: Chunk, stop: threading.Event) -> Envelope:
        return save_one(resource, "POST", chunk, stop)

    return side_by_side(send, chunks, in_flight)


def save_one(resource: Saves, method: str, chunk: Chunk, stop: threading.Event | None = None) -> Envelope:
    """One request with these items as its array, judged by `accounted_for`."""
    body = b"[" + b",".join(chunk) + b"]"
    return accounted_for(resource.transport.call(method, resource.path, body, stop=stop), chunk)


def side_by_side(send: Send, chunks: Iterable[Chunk], in_flight: int) -> Iterator[tuple[int, Envelope]]:
    """What `save_chunks` promises, for any way of sending a chunk."""
    stop = threading.Event()

    def work(chunk: Chunk) -> Envelope | None:
        if stop.is_set():
            return None
        envelope = _send_safely(send, chunk, stop)
        if envelope.status_code == 401:
            stop.set()
        return None if envelope.error is not None and envelope.error.code == STOPPED else envelope

    source = enumerate(chunks)
    broken: Exception | None = None
    drained = False
    running: dict[Future[Envelope | None], int] = {}
    pool = ThreadPoolExecutor(max_workers=in_flight, thread_name_prefix="shopimind")
    try:
        while True:
            while len(running) < in_flight and not drained and not stop.is_set():
                try:
                    index, chunk = next(source)
                except StopIteration:
                    drained = True
                except Exception as error:  # raised below, once what is in flight has been told
                    drained, broken = True, error
                else:
                    running[pool.submit(work, chunk)] = index
            if not running:
                break
            done = min(wait(running, return_when=FIRST_COMPLETED).done, key=running.__getitem__)
            index, envelope = running.pop(done), done.result()
            if envelope is not None:
                yield index, envelope
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    if broken is not None:
        raise broken


def _send_safely(send: Send, chunk: Chunk, stop: threading.Event) -> Envelope:
    try:
        return send(chunk, stop)
    except Exception as error:  # a mistake of ours in one chunk must not take the others along
        log.exception("a chunk of %d items was not sent", len(chunk))
        return Envelope(False, 0, None, ApiError(f"not sent: {type(error).__name__}", "UNKNOWN", False, 0))


def accounted_for(envelope: Envelope, chunk: Chunk) -> Envelope:
    """The envelope of a bulk save, made a failure unless every item of the chunk is known as accepted or rejected.

    Nothing may count as delivered that was not. So a 2xx fails when it has no counters, reports `failed_count`, or
    leaves items over: the rejected ones must be identified (by the item that the entry repeats, else by its index) and
    `sent_count` must cover all others. Where the API did take or reject something but does not say what, the error's
    code is `UNIDENTIFIED`: smaller chunks may tell. In the entries of an accepted envelope `index` is always the item's
    place in the chunk; a chunk that is rejected as a whole without saying which gets one entry per item. Saves are
    upserts, so a chunk that fails here does no harm when it is sent again.
    """
    if not envelope.ok:
        return envelope
    envelope = _counters_on_top(envelope)
    body = envelope.data
    sent, rejected, failed = envelope.counts
    if not COUNTERS & body.keys() or (whole(body.get("statusCode")) or 200) >= 300:
        return unusable(body, "HTTP 2xx, but not the answer to a bulk save")
    if failed > 0:
        message = f"the API reports {failed} failed items"
        return Envelope(False, 0, body, ApiError(message, PARTIAL_FAILURE, True, 1))
    entries = rejected_entries(body)
    places = _places(envelope, entries, chunk)
    known = {place for place in places if place is not None}
    if rejected >= len(chunk) > len(known) and (sent == 0 or len(chunk) == 1):
        reasons = [rejection.reason for rejection in rejections(envelope)]
        if len(reasons) != len(chunk):
            reasons = [NO_REASON] * len(chunk)
        entries = [{"index": place, "errors": [reason]} for place, reason in enumerate(reasons)]
    elif len(known) >= rejected and sent >= len(chunk) - len(known):
        entries = [
            _placed(entry, place, chunk) for entry, place in zip(entries, places, strict=True) if place is not None
        ]
    else:
        message = f"of {len(chunk)} items the API says {sent} sent and identifies {len(known)} rejected"
        if not (sent or rejected or entries):
            return unusable(body, message)
        return Envelope(False, 0, body, ApiError(message, UNIDENTIFIED, True, 1))
    return Envelope(True, envelope.status_code, {**body, "rejected_items": entries}, None) if entries else envelope


def _counters_on_top(envelope: Envelope) -> Envelope:
    """Counters are documented beside `statusCode`; like other payloads they may stand under `data`."""
    body = envelope.data
    inner = body.get("data") if isinstance(body, dict) else None
    if not isinstance(inner, dict) or COUNTERS & body.keys() or not COUNTERS & inner.keys():
        return envelope
    return replace(envelope, data={**inner, "statusCode": body.get("statusCode")})


def _places(envelope: Envelope, entries: list[Any], chunk: Chunk) -> list[int | None]:
    """The place in the chunk of each rejected entry; None when nothing in it tells."""
    items = [_canonical(orjson.loads(item)) for item in chunk] if entries else []
    places: list[int | None] = []
    for entry, rejection in zip(entries, rejections(envelope), strict=True):
        values = (entry, *entry.values()) if isinstance(entry, dict) else ()
        repeated = {_canonical(value) for value in values if isinstance(value, dict)}
        same = [place for place, item in enumerate(items) if item in repeated]
        if len(chunk) == 1:
            places.append(0)
        elif same:  # the item itself is a better witness than a number that may count from one
            places.append(rejection.index if rejection.index in same else same[0])
        elif rejection.index is not None and 0 <= rejection.index < len(chunk):
            places.append(rejection.index)
        else:
            places.append(None)
    return places


def _placed(entry: Any, place: int, chunk: Chunk) -> dict[str, Any]:
    """The entry with its item's place in the chunk. One that is nothing but the item has no reason in it."""
    if not isinstance(entry, dict):
        return {"index": place, "errors": [entry]}
    if _canonical(entry) == _canonical(orjson.loads(chunk[place])):
        return {"index": place, "item": entry, "errors": [NO_REASON]}
    return {**entry, "index": place}


def _canonical(item: Any) -> bytes:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


def merged(outcomes: dict[int, Envelope], chunks: Sequence[Chunk]) -> Envelope:
    """One envelope for all chunks, in chunk order, whatever the order in which they were answered.

    As the official SDK, with these differences: `status_code` is never a 2xx when a chunk failed (it is 401 if any
    chunk got that, else the first failure's status, 0 for the network); every item of a failed chunk counts as failed
    and as nothing else; the `index` of a rejected item counts from the start of all items; chunks held back after a 401
    are there as `NOT_SENT`.
    """
    held_back = Envelope(False, 0, None, ApiError("not sent: the installation is not active", NOT_SENT, True, 0))
    envelopes = [outcomes.get(place, held_back) for place in range(len(chunks))]
    summary: list[dict[str, Any]] = []
    rejected_items: list[Any] = []
    first = failed = 0
    for envelope, chunk in zip(envelopes, chunks, strict=True):
        sent, rejected, _ = envelope.counts if envelope.ok else (0, 0, 0)
        summary.append(
            {"statusCode": envelope.status_code, "ok": envelope.ok, "sent_count": sent, "rejected_count": rejected}
        )
        rejected_items += [_shifted(entry, first) for entry in rejected_entries(envelope.data)]
        first += len(chunk)
        failed += 0 if envelope.ok else len(chunk)
    data = {
        "sent_count": sum(entry["sent_count"] for entry in summary),
        "rejected_count": sum(entry["rejected_count"] for entry in summary),
        "failed_count": failed,
        "rejected_items": rejected_items,
        "chunks": summary,
    }
    return _concluded(envelopes, data)


def _concluded(envelopes: list[Envelope], data: dict[str, Any]) -> Envelope:
    errors = tuple(envelope.error for envelope in envelopes if envelope.error is not None)
    if not errors:
        return Envelope(True, envelopes[-1].status_code if envelopes else 200, data, None)
    error = ApiError(
        f"{len(errors)} chunk(s) failed out of {len(envelopes)}",
        PARTIAL_FAILURE,
        retryable=all(error.retryable for error in errors),
        attempts=max(error.attempts for error in errors),
        details=errors,
    )
    statuses = [envelope.status_code for envelope in envelopes if not envelope.ok]
    return Envelope(False, 401 if 401 in statuses else statuses[0], data, error)


def _shifted(entry: Any, first: int) -> Any:
    """A rejected entry whose place counts from the start of all items instead of its chunk's."""
    if not isinstance(entry, dict):
        return entry
    moved = {key: at + first for key in ("index", "objectIndex") if (at := whole(entry.get(key))) is not None}
    return {**entry, **moved}
