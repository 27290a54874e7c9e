"""The number that each product's size was allotted, for ever: variations get their ids from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import select

from connector.state.database import Database, upsert
from connector.state.tables import variations

HIGHEST = 99_999_999


class VariationNumbers:
    """The numbers 1 to 99,999,999 of one shop's sizes, no two the same. What is known is asked of the database once.

    A size gets the number that it prefers, else the next free one, and keeps it. `dry` keeps new ones to itself.
    """

    def __init__(self, db: Database, shop: str, *, dry: bool = False) -> None:
        self._db, self._shop, self._dry = db, shop, dry
        self._numbers: dict[tuple[int, int], int] | None = None
        self._products: set[int] = set()

    def of(self, product_id: int, size_id: int) -> int | None:
        """The size's number; None while it has none."""
        return self._known().get((product_id, size_id))

    def has_sizes(self, product_id: int) -> bool:
        """Whether any size of the product has a number."""
        self._known()
        return product_id in self._products

    def allot(self, sizes: Iterable[tuple[int, int]], preferred: Callable[[int, int], int]) -> None:
        """Gives every one of the sizes (product, size) that has none its number, in one transaction."""
        known = self._known()
        new = [size for size in sizes if size not in known]
        if not new:
            return
        taken = set(known.values())
        for size in new:
            number = preferred(*size)
            while number in taken:
                number = number % HIGHEST + 1
            taken.add(number)
            known[size] = number
            self._products.add(size[0])
        if self._dry:
            return
        rows = [{"shop": self._shop, "product_id": p, "size_id": s, "number": known[p, s]} for p, s in new]
        with self._db.begin(durable=True) as connection:  # ShopiMind knows them by these numbers from now on
            upsert(connection, variations, rows, update=())

    def _known(self) -> dict[tuple[int, int], int]:
        if self._numbers is None:
            table = variations.c
            query = select(table.product_id, table.size_id, table.number).where(table.shop == self._shop)
            with self._db.read() as connection:
                self._numbers = {(p, s): number for p, s, number in connection.execute(query)}
            self._products = {product_id for product_id, _ in self._numbers}
        return self._numbers
