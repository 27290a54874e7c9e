"""Leases: one writer at a time, and no dead one in the way."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import pytest
from sqlalchemy import select

from connector.state.leases import Lease, LeaseHeld, this_process
from connector.state.tables import leases

ELSEWHERE = "another-host/12345678:4711:1700000000.00"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def expiry(db) -> float:
    with db.read() as connection:
        return connection.execute(select(leases.c.expires_at)).scalar_one()


def test_a_second_writer_is_told_who_holds_the_lease_and_for_how_long(db, clock) -> None:
    Lease.acquire(db, "maison-lea", "orders", clock=clock)
    clock.now += 10

    with pytest.raises(LeaseHeld, match="Another sync holds shop maison-lea") as caught:
        Lease.acquire(db, "maison-lea", "orders", clock=clock)

    assert caught.value.holder == this_process()
    assert caught.value.expires_in == pytest.approx(20)


def test_other_entities_and_other_shops_are_free(db) -> None:
    with (
        Lease.acquire(db, "maison-lea", "orders"),
        Lease.acquire(db, "maison-lea", "customers"),
        Lease.acquire(db, "other", "orders"),
    ):
        pass


def test_a_lease_that_is_given_back_is_free_at_once(db) -> None:
    with Lease.acquire(db, "maison-lea", "orders"):
        pass

    Lease.acquire(db, "maison-lea", "orders").release()


def test_waiting_ends_when_the_holder_gives_the_lease_back(db, workers: Callable, place) -> None:
    first = Lease.acquire(db, "maison-lea", "orders")
    with pytest.raises(LeaseHeld):
        Lease.acquire(db, "maison-lea", "orders", wait=0.01)
    first.release()

    Lease.acquire(db, "maison-lea", "orders", wait=60).release()


def test_a_holder_elsewhere_is_succeeded_when_its_lease_has_expired_not_before(db, clock) -> None:
    Lease.acquire(db, "maison-lea", "orders", holder=ELSEWHERE, ttl=30, clock=clock)
    clock.now += 29
    with pytest.raises(LeaseHeld):
        Lease.acquire(db, "maison-lea", "orders", clock=clock)

    clock.now += 1
    Lease.acquire(db, "maison-lea", "orders", clock=clock)


def test_a_lease_of_a_clock_that_was_ahead_holds_nobody_up(db, clock) -> None:
    clock.now += 365 * 86_400
    Lease.acquire(db, "maison-lea", "orders", holder=ELSEWHERE, clock=clock)
    clock.now -= 365 * 86_400

    with Lease.acquire(db, "maison-lea", "orders", clock=clock) as taken:
        assert not taken.lost


def test_a_lease_is_renewed_for_as_long_as_it_is_held(db) -> None:
    with Lease.acquire(db, "maison-lea", "orders", ttl=0.3) as lease:
        first = expiry(db)
        deadline = time.monotonic() + 20
        while expiry(db) <= first + 0.3 and time.monotonic() < deadline:
            time.sleep(0.05)

        assert expiry(db) > first + 0.3
        assert not lease.lost


def test_a_lease_that_somebody_took_is_lost_and_releasing_it_does_not_free_theirs(db, clock) -> None:
    slept = Lease.acquire(db, "maison-lea", "orders", clock=clock)
    clock.now += 31
    awake = Lease.acquire(db, "maison-lea", "orders", clock=clock)

    assert slept.lost
    assert not awake.lost
    slept.release()
    with pytest.raises(LeaseHeld):
        Lease.acquire(db, "maison-lea", "orders", clock=clock)


def test_a_lease_that_expired_unnoticed_and_that_nobody_took_is_still_ours(db, clock) -> None:
    slept = Lease.acquire(db, "maison-lea", "orders", clock=clock)
    clock.now += 31

    assert not slept.lost
    with pytest.raises(LeaseHeld):
        Lease.acquire(db, "maison-lea", "orders", clock=clock)


def test_a_holder_of_this_machine_that_was_killed_is_succeeded_at_once(db, place, workers: Callable) -> None:
    worker = workers(place, "leases", "maison-lea", "orders")
    worker.go()
    assert worker.line() == "taken"
    with pytest.raises(LeaseHeld):
        Lease.acquire(db, "maison-lea", "orders")

    worker.process.kill()  # and not waited for: a zombie holds nothing
    while psutil.Process(worker.process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    Lease.acquire(db, "maison-lea", "orders").release()


def test_a_process_that_got_the_number_of_a_dead_holder_is_not_taken_for_it(db) -> None:
    machine, own_pid, _started = this_process().rsplit(":", 2)
    Lease.acquire(db, "maison-lea", "orders", holder=f"{machine}:{own_pid}:1000000000.00")

    Lease.acquire(db, "maison-lea", "orders").release()


def test_of_several_processes_that_want_the_lease_at_once_one_gets_it(place, workers: Callable) -> None:
    crowd = [workers(place, "leases", "maison-lea", "orders") for _ in range(3)]
    for worker in crowd:
        worker.go()

    assert sorted(worker.line() for worker in crowd) == ["held", "held", "taken"]
