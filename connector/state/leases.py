"""One writer at a time per shop and entity: a lease in the database that outlives neither its holder nor its expiry."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import psutil
from sqlalchemy import ColumnElement, Connection, delete, select, text, update

from connector.state.database import Database
from connector.state.errors import StateError
from connector.state.tables import leases

TTL = 30.0  # seconds; how long a lease outlives a holder that nobody can see to be dead

_POLL_SECONDS = 0.5
_FAR = 20  # times its ttl: a lease that ends later than that was written by a clock that was ahead
_CLOCK_STEP = 2.0  # how far an adjusted clock may move a process's start time

_TAKE = text(
    "INSERT INTO leases (shop, entity, holder, token, expires_at) VALUES (:shop, :entity, :holder, :token, :until) "
    "ON CONFLICT (shop, entity) DO UPDATE SET holder = excluded.holder, token = excluded.token, "
    "expires_at = excluded.expires_at WHERE leases.expires_at <= :now OR leases.token = :dead RETURNING token"
)


class LeaseHeld(Exception):
    """Somebody else writes this entity of this shop."""

    def __init__(self, shop: str, entity: str, holder: str, expires_in: float) -> None:
        super().__init__(
            f"Another sync holds shop {shop} ({entity}, held by {holder}, for {max(expires_in, 0):.0f} s "
            "more unless it renews). Nothing was written. Run again when it is done; should it be dead, the "
            "lease ends by itself."
        )
        self.shop = shop
        self.entity = entity
        self.holder = holder
        self.expires_in = expires_in


class LeaseLost(StateError):
    """Our lease expired while this process could not renew it, and somebody else may be writing."""


def living_holder(db: Database, shop: str, entity: str, *, clock: Callable[[], float] = time.time) -> str | None:
    """Who holds the lease and is not known to be dead; None when nobody does."""
    with db.read() as connection:
        held = _held(connection, shop, entity)
    return None if held is None or held.expires_at <= clock() or is_dead(held.holder) else held.holder


def this_process() -> str:
    """The holder text of this process: `host/machine:pid:start time`, enough to tell later whether it still lives."""
    return f"{_machine()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


class Lease:
    """A lease that is held, and renewed by a thread of its own until `release`."""

    def __init__(
        self, db: Database, shop: str, entity: str, *, token: str, until: float, ttl: float, clock: Callable[[], float]
    ) -> None:
        self.shop = shop
        self.entity = entity
        self._db = db
        self._token = token
        self._until = until
        self._ttl = ttl
        self._clock = clock
        self._taken = False
        self._released = threading.Event()
        threading.Thread(target=self._keep, name=f"lease {shop} {entity}", daemon=True).start()

    @classmethod
    def acquire(
        cls,
        db: Database,
        shop: str,
        entity: str,
        *,
        holder: str | None = None,
        ttl: float = TTL,
        wait: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> Lease:
        """Takes the lease, waiting up to `wait` seconds for whoever has it. Raises `LeaseHeld` after that.

        A holder on this machine (default: this process) whose process is gone is succeeded at once, any other when its
        lease has expired: `ttl` seconds after it died. One that ends much later than that is of a clock that was set
        back since, and holds nobody up.
        """
        token = uuid.uuid4().hex
        give_up = time.monotonic() + wait
        dead = ""
        while True:
            now = clock()
            values = {"shop": shop, "entity": entity, "holder": holder or this_process(), "token": token}
            with db.begin() as connection:
                taken = connection.execute(_TAKE, {**values, "until": now + ttl, "now": now, "dead": dead}).scalar()
                held = None if taken else _held(connection, shop, entity)
            if taken:
                return cls(db, shop, entity, token=token, until=now + ttl, ttl=ttl, clock=clock)
            if held is None:
                continue
            if held.token != dead and (is_dead(held.holder) or held.expires_at > now + _FAR * ttl):
                dead = held.token
            elif (left := give_up - time.monotonic()) > 0:
                time.sleep(min(_POLL_SECONDS, left))
            else:
                raise LeaseHeld(shop, entity, held.holder, held.expires_at - now)

    @property
    def lost(self) -> bool:
        """True when somebody else may be writing: the lease was taken, or it expired and cannot be renewed now."""
        if not self._taken and self._clock() >= self._until:
            try:
                self._renew()
            except StateError:
                return True
        return self._taken

    def release(self) -> None:
        """Gives the lease back. When the database cannot be told, the lease ends by its expiry."""
        self._released.set()
        with suppress(StateError), self._db.begin() as connection:
            connection.execute(delete(leases).where(*self._mine()))

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _keep(self) -> None:
        while not self._released.wait(self._ttl / 3) and not self._taken:
            with suppress(StateError):  # tried again at the next beat; until then `lost` watches the expiry
                self._renew()

    def _renew(self) -> None:
        until = self._clock() + self._ttl
        with self._db.begin() as connection:
            renewed = connection.execute(update(leases).where(*self._mine()).values(expires_at=until)).rowcount
        if renewed:
            self._until = until
        else:
            self._taken = True

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return leases.c.shop == self.shop, leases.c.entity == self.entity, leases.c.token == self._token


class _Held(NamedTuple):
    holder: str
    token: str
    expires_at: float


def _held(connection: Connection, shop: str, entity: str) -> _Held | None:
    query = select(leases.c.holder, leases.c.token, leases.c.expires_at)
    row = connection.execute(query.where(leases.c.shop == shop, leases.c.entity == entity)).one_or_none()
    return None if row is None else _Held(*row)


def is_of_this_machine(holder: str) -> bool:
    """Whether it is, or was, a process that `is_dead` can tell of: of this machine, since it was last started."""
    return holder.partition(":")[0] == _machine()


def is_dead(holder: str) -> bool:
    """Whether it was a process of this machine and is gone. Of another machine nobody can tell."""
    machine, _, process = holder.partition(":")
    pid, _, started = process.partition(":")
    if machine != _machine() or not pid.isdigit():
        return False
    try:
        found = psutil.Process(int(pid))
        if found.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(found.create_time() - float(started)) > _CLOCK_STEP  # another process got the same id
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, ValueError):
        return False


@cache
def _machine() -> str:
    """Where a process id means the same process: the host, since its last start, and the container on it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        room = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        boot, room = str(int(psutil.boot_time())), ""
    mark = hashlib.blake2b(f"{boot} {room}".encode(), digest_size=4).hexdigest()
    return f"{socket.gethostname()}/{mark}"
