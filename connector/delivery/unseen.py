"""The refused records of an entity that a pass over its rows did not meet: no row of the till makes them any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery.entities import Entity
from connector.delivery.ledger import Ledger
from connector.delivery.refused import RefusedStore

log = logging.getLogger(__name__)

Place = tuple[int | None, str | None]  # store and closing day, both null but for orders
_NAMED = 20  # ids in a log line; they all leave the list


class Unseen:
    """Watches the tables of a pass. `drop` then forgets the refused records that were not among them.

    Should one of them come back, it is a new record. What ShopiMind still holds of a product that is gone is no row to be
    corrected either, but it is there: its refusal stays.
    """

    def __init__(self, refused: RefusedStore, ledger: Ledger, shop: str, entity: Entity) -> None:
        self._refused, self._ledger, self._shop, self._entity = refused, ledger, shop, entity
        self._left = refused.places(entity.name)
        self._gone_products: set[str] = set()
        self._rows = 0

    def watch(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The tables, unchanged."""
        for table in tables:
            self._rows += table.num_rows
            if self._left:
                self._meet(table)
            yield table

    def drop(self, read: Callable[[Place], bool] | None = None) -> list[str]:
        """Forgets what the pass did not meet in the places that it has `read`; the ids.

        Without `read` it was a pass over everything: then one without a single row is not believed.
        """
        if read is None:
            rows = self._rows
            return self.drop(lambda place: rows > 0)
        at_shopimind = self._ledger.delivered_ids(self._entity.name, sorted(self._gone_products))
        gone = sorted(name for name, place in self._left.items() if name not in at_shopimind and read(place))
        if not gone:
            return []
        self._refused.drop(self._entity.name, gone)
        log.warning(
            "shop %s: %d refused %s left the list of refused records: no row of the till makes them any more: %s%s",
            self._shop,
            len(gone),
            self._entity.name,
            ", ".join(gone[:_NAMED]),
            " ..." if len(gone) > _NAMED else "",
        )
        return gone

    def _meet(self, table: pa.Table) -> None:
        for name in table.filter(pc.invert(table["once"]))["external_id"].to_pylist():
            self._left.pop(name, None)
        once = table.filter(table["once"])["external_id"].to_pylist()
        self._gone_products.update(name for name in once if name in self._left)
