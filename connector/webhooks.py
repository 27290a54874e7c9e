"""`connector webhooks`: the shop's own webhooks on its till, registered, listed and removed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from connector.config import HiboutikAccount
from connector.outcome import Status
from connector.pos.hiboutik_webhooks import ALL_STORES, HiboutikWebhooks, Webhook
from connector.pos.protocol import PosError, QuotaReached
from connector.pos.systems import open_webhooks
from connector.shop_run import ShopRun

# What a till is asked to push; everything else is read. Of customers it is only to tell that one may have been deleted.
SALE, CUSTOMER = "sale", "customer"


def webhook_path(shop: str, secret: str) -> str:
    """Where a shop's till pushes to, below the address of `connector receive`."""
    return f"/pos/{shop}/{secret}"


def list_webhooks(run: ShopRun) -> dict[str, Any]:
    """Every webhook of the account, and which are this shop's."""
    return _part(run, lambda till: {})


def register_webhooks(run: ShopRun, base: str, *, per_store: bool = False) -> dict[str, Any]:
    """Makes the shop's webhooks what they have to be: one of each kind for all stores, or for each.

    What is right stays; what is missing is added before what is wrong is removed. Webhooks of others are left alone.
    """

    def work(till: HiboutikWebhooks) -> dict[str, int]:
        actions = [SALE, CUSTOMER] if run.shop.pos.erase_deleted else [SALE]
        stores = _stores(run) if per_store else [ALL_STORES]
        wanted = [_wanted(run, base, store_id, action) for action in actions for store_id in stores]
        ours = [each for each in till.all() if _is_ours(run, each)]
        kept: dict[tuple[str, str, int, bool], Webhook] = {}
        for each in ours:
            if any(_does(each) == _does(one) for one in wanted):
                kept.setdefault(_does(each), each)
        added = [each for each in wanted if _does(each) not in kept]
        for each in added:
            till.add(each)
        removed = _remove(till, [each for each in ours if each not in kept.values()])
        return {"registered": len(added), "unchanged": len(kept), "removed": removed}

    return _part(run, work)


def remove_webhooks(run: ShopRun) -> dict[str, Any]:
    """Takes the shop's webhooks from its till. What has been pushed already is still delivered."""

    def work(till: HiboutikWebhooks) -> dict[str, int]:
        return {"removed": _remove(till, [each for each in till.all() if _is_ours(run, each)])}

    return _part(run, work)


def _part(run: ShopRun, work: Callable[[HiboutikWebhooks], dict[str, int]]) -> dict[str, Any]:
    """One shop's part of the document: what was done, and what the till has now."""
    if (reason := run.deferred) is not None:
        none = {"hiboutik": 0}
        return {"shop": run.shop.key, "status": "inactive", "message": reason, "webhooks": [], "calls": none}
    status: Status = "delivered"
    message, done, found = None, dict[str, int](), list[dict[str, Any]]()
    account = run.shop.pos
    assert isinstance(account, HiboutikAccount)  # the commands leave the others out
    with closing(open_webhooks(account, run.calls)) as till:
        try:
            done = work(till)
            found = [_shown(run, each) for each in till.all()]
        except PosError as error:
            status, message = "quota" if isinstance(error, QuotaReached) else "failed", str(error)
    calls = {"hiboutik": run.calls.spent}
    return {"shop": run.shop.key, "status": status, "message": message, **done, "webhooks": found, "calls": calls}


def _wanted(run: ShopRun, base: str, store_id: int, action: str) -> Webhook:
    secret = run.shop.pos.webhook_secret
    assert secret is not None  # the command asks for it
    return Webhook(
        label=f"ShopiMind ({run.shop.key})",
        url=base.rstrip("/") + webhook_path(run.shop.key, secret.get_secret_value()),
        action=action,
        app_id=_app_id(run),
        store_id=store_id,
        asynchronous=True,
    )


def _does(webhook: Webhook) -> tuple[str, str, int, bool]:
    """What a webhook does; two that differ in nothing else are one too many."""
    return webhook.url, webhook.action, webhook.store_id, webhook.asynchronous


def _app_id(run: ShopRun) -> str:
    return f"pos-to-shopimind-{run.shop.key}"


def _is_ours(run: ShopRun, webhook: Webhook) -> bool:
    """By the name that we gave it, or by its address, where a till does not keep that name."""
    return webhook.app_id == _app_id(run) or webhook_path(run.shop.key, "") in webhook.url


def _stores(run: ShopRun) -> list[int]:
    return [store_id for store_id in run.till.stores()["store_id"].to_pylist() if store_id]


def _remove(till: HiboutikWebhooks, webhooks: list[Webhook]) -> int:
    for each in webhooks:
        assert each.webhook_id is not None  # the till listed it
        till.remove(each.webhook_id)
    return len(webhooks)


def _shown(run: ShopRun, webhook: Webhook) -> dict[str, Any]:
    """For people: the address up to its secret, and nothing of those of others but their host."""
    is_ours = _is_ours(run, webhook)
    before, path, _ = webhook.url.partition(webhook_path(run.shop.key, ""))
    address = f"{before}{path}***" if path else "/".join(webhook.url.split("/")[:3])
    return {
        "webhook_id": webhook.webhook_id,
        "ours": is_ours,
        "label": webhook.label,
        "action": webhook.action,
        "store_id": webhook.store_id or None,
        "async": webhook.asynchronous,
        "address": address,
    }
