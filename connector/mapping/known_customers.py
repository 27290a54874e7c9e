"""Which customers the till knows, and by which e-mail: what an order needs of its customer, in little memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.mapping.contacts import email

_COLUMNS: dict[str, pa.DataType] = {"customer_id": pa.int64(), "email": pa.string()}
_KNOWN = pa.schema(_COLUMNS)


class KnownCustomers:
    """Built from pages of `connector.pos.rows.CUSTOMERS`: `add` each, then `find`. Some 40 bytes per customer.

    A customer whose row cannot be sent exists all the same. Of a customer added twice the later row counts.
    """

    def __init__(self) -> None:
        self._pages: list[pa.Table] = []
        self._ids: memoryview[int] | None = None
        self._emails: pa.Array[Any] = pa.array([], pa.string())

    def add(self, rows: pa.Table) -> None:
        """One more page of customers."""
        emails = pa.array(map(email, rows["email"].to_pylist()), pa.string(), size=rows.num_rows)
        page = pa.Table.from_arrays([rows["customer_id"], emails], schema=_KNOWN)
        self._pages.append(page.filter(pc.is_valid(page["customer_id"])))
        self._ids = None

    def freeze(self) -> KnownCustomers:
        """Sorts what was added, which `find` does on its own where it was not done. Gives itself."""
        known = pa.concat_tables([_KNOWN.empty_table(), *self._pages])
        known = known.take(pc.sort_indices(known["customer_id"])).combine_chunks()
        self._pages = [known]
        self._ids = memoryview(known["customer_id"].combine_chunks().buffers()[1] or b"").cast("q")[: known.num_rows]
        self._emails = known["email"].combine_chunks()
        return self

    def find(self, customer_ids: Iterable[int]) -> dict[int, str]:
        """The e-mail (`""`: none that is valid) of each of these customers that exists; the others are not in it."""
        if self._ids is None:
            self.freeze()
        ids = self._ids
        assert ids is not None
        places = {}
        for customer_id in set(customer_ids):
            place = bisect_right(ids, customer_id) - 1
            if place >= 0 and ids[place] == customer_id:
                places[customer_id] = place
        emails = self._emails.take(pa.array(places.values(), pa.int64(), size=len(places)))
        return dict(zip(places, emails.to_pylist(), strict=True))
