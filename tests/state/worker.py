"""A process for tests that need more than one: says `ready`, waits for a line, does one thing, says what came of it."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
from upath import UPath

from connector.pos.protocol import QuotaReached
from connector.state.calls import MonthlyCalls
from connector.state.database import open_database
from connector.state.lake import Lake
from connector.state.leases import Lease, LeaseHeld
from connector.state.sealing import Sealer

home, url, what, *words = sys.argv[1:]


def say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def wait() -> None:
    say("ready")
    sys.stdin.readline()


def opens() -> None:
    wait()
    open_database(Path(home), url or None).close()
    say("with alembic" if "alembic" in sys.modules else "without alembic")


def spends() -> None:
    """All that a month has; with a number of calls for others, all that it has for history."""
    others = [int(word) for word in words[2:]]
    counter = MonthlyCalls(
        open_database(Path(home), url or None),
        words[0],
        monthly_calls=int(words[1]),
        calls_for_others=sum(others),
    )
    wait()
    try:
        with counter.for_history() if others else nullcontext():
            while True:
                counter.spend()
    except QuotaReached:
        say(counter.spent)


def leases() -> None:
    database = open_database(Path(home), url or None)
    wait()
    try:
        Lease.acquire(database, words[0], words[1])
        say("taken")
    except LeaseHeld:
        say("held")
    time.sleep(600)


def writes() -> None:
    table = pa.table({"a": list(range(20_000))})

    def endless():
        yield table
        say("writing")
        time.sleep(600)

    wait()
    Lake(UPath(home)).write("maison-lea", "products", None, endless(), table.schema)


def seals() -> None:
    wait()
    say(Sealer(Path(home)).seal(b"personal").decode())


{"opens": opens, "spends": spends, "leases": leases, "writes": writes, "seals": seals}[what]()
