"""`connector erase`: one customer removed from ShopiMind and from here, for good, with a receipt that does not name him."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from connector.config import Shop
from connector.delivery import entities
from connector.erasure_here import Person, addresses_of, erase_files, erase_rows, sales_of, unrelated
from connector.erasure_shopimind import erase_in_shopimind
from connector.mapping import contacts
from connector.mapping.identifiers import is_pos_id, number_id, text_id
from connector.outcome import Status, exit_code
from connector.shop_run import SYNC_LEASE, NotActivated, ShopRun, State
from connector.shopimind.envelope import InstallationInactive, ShopiMindError
from connector.state.errors import StateError
from connector.state.lake import LakeMissing
from connector.state.leases import Lease, LeaseHeld

_AGAIN = "Nothing was removed here; run the command again."


def erase_customer(shop: Shop, customer_id: int) -> dict[str, Any]:
    """The receipt: what was removed where, in counts.

    Nothing is removed here before ShopiMind has confirmed. Whatever stops it, the same command again finishes it.
    """
    state = State.open()
    try:
        with Lease.acquire(state.db, shop.key, SYNC_LEASE) as lease:
            run = ShopRun(shop, state, f"erase-{uuid.uuid4().hex[:8]}", lease=lease)
            try:
                return erase_in_run(run, customer_id)
            finally:
                run.close()
    except (LeaseHeld, StateError) as error:
        return _receipt(shop, "failed", f"{error} Run the command again: it goes on where it was stopped.")
    finally:
        state.close()


def erase_in_run(run: ShopRun, customer_id: int) -> dict[str, Any]:
    """The same, by a run that has the shop to itself, of a number that `is_pos_id`. Raises `StateError`."""
    shop, person = run.shop, _person(run, customer_id)
    ends = _end_of_subscription(run, customer_id, person.name)
    try:
        there = erase_in_shopimind(
            run, person.name, person.order_ids | person.former_order_ids, person.address_ids, ends
        )
    except NotActivated as error:
        return _receipt(shop, "inactive", f"{error} {_AGAIN}")
    except InstallationInactive as error:
        run.stop_inactive()
        return _receipt(shop, "inactive", f"{error}. {_AGAIN}")
    except ShopiMindError as error:
        return _receipt(shop, "failed", f"{error}. {_AGAIN}")
    here, since = erase_rows(run, person)
    here["lake_files"] = erase_files(run, person)
    receipt = _receipt(shop, "delivered", None)
    left = [f"{each.name}: its records do not say whose they are; remove his in ShopiMind" for each in unrelated(run)]
    if "newsletter" in there:
        left.append("newsletter: ShopiMind deletes no subscriber; his subscription was ended, his address stays there")
    return receipt | {
        "erased_at": datetime.fromtimestamp(since, UTC).isoformat(),
        "shopimind": there,
        "here": here,
        "left": left,
    }


def finish_erasure(run: ShopRun, customer_id: int) -> None:
    """Removes what still names somebody who has his tombstone: his erasure was broken off before it had gone through the lake."""
    erase_files(run, _person(run, customer_id))


def _person(run: ShopRun, customer_id: int) -> Person:
    ids = run.shop.identifiers
    his, former = sales_of(run, customer_id), run.sales_read.still_held_as_his(customer_id)
    return Person(
        customer_id,
        text_id(ids, "customer_id", customer_id),
        frozenset(text_id(ids, "order_id", each) for each in his if is_pos_id(each)),
        frozenset(text_id(ids, "order_id", each) for each in former - his if is_pos_id(each)),
        frozenset(
            str(number_id(ids, "address_id", each)) for each in addresses_of(run, customer_id) if is_pos_id(each)
        ),
    )


def _receipt(shop: Shop, status: Status, message: str | None) -> dict[str, Any]:
    code = exit_code([status])
    return {
        "ok": code == 0,
        "exit_code": code,
        "shop": shop.key,
        "status": "erased" if status == "delivered" else status,
        "message": message,
        "erased_at": None,
        "shopimind": {},
        "here": {},
        "left": [],
    }


def _end_of_subscription(run: ShopRun, customer_id: int, name: str) -> dict[str, Any] | None:
    """The newsletter record that says no; None where none of his was sent, or somebody else has the address too."""
    noted = run.ledger.lookup(entities.NEWSLETTER.name, [name])
    if not noted:
        return None
    his, others = "", set[str]()
    for listed in ("pos_customers", "pos_new_customers"):
        try:
            for table in run.state.lake.read(run.shop.key, listed):
                for number, text in zip(table["customer_id"].to_pylist(), table["email"].to_pylist(), strict=True):
                    address = contacts.email(text)
                    if number == customer_id:
                        his = address or his
                    else:
                        others.add(address)
        except LakeMissing:
            continue
    if not his or his in others:
        return None
    return {
        "email": his,
        "is_subscribed": False,
        "first_name": "",
        "last_name": "",
        "postal_code": None,
        "lang": run.shop.lang,
        "updated_at": datetime.fromtimestamp(run.clock(), UTC).isoformat(),
        "id_data_source": noted[name][1],
    }
