"""Which data sources a shop wants: one parent, and one child per store."""

from __future__ import annotations

from connector.config import Shop
from connector.mapping.context import ShopContext
from connector.shopimind.provisioning import WantedSource

CONNECTOR = "pos-to-shopimind"  # how our sources are told from everyone else's, in their `config`


def wanted_sources(shop: Shop, ctx: ShopContext) -> list[tuple[int | None, WantedSource]]:
    """The parent (under None) and the children by store id, as the contract's section 4 labels them."""
    account = {"connector": CONNECTOR, "pos": shop.pos.system, "account": shop.pos.account}
    wanted: list[tuple[int | None, WantedSource]] = [
        (None, WantedSource(key=account, label=ctx.label, label_if_taken=f"{ctx.label} ({ctx.account})", parent=True))
    ]
    for store in ctx.stores:
        label = f"{ctx.label} - {store.name}"
        key = account | {"store_id": str(store.store_id)}
        wanted.append(
            (
                store.store_id,
                WantedSource(key=key, label=label, label_if_taken=f"{label} ({store.store_id})", parent=False),
            )
        )
    return wanted
