"""The shop's till, and how it changes between syncs, drawn from chance."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from connector.sandbox.accounts import TillAccount
from tests.faults import little_till
from tests.faults.little_till import customer, days_ago, line, product, sale, store
from tests.faults.shop_world import World

SHOP = "alpha"


def shop_of(records: int, *, newest: int = 0) -> TillAccount:
    """`alpha`, two stores, with about so many records: a third each are customers, their profiles, and orders.

    The last sales are of `newest` days ago; those of today may have closed later than now.
    """
    third = max(8, records // 3)
    customers = [customer(number) for number in range(1, third + 1)]
    days = [days_ago(ago) for ago in range(newest, little_till.DAYS)]
    sales = [
        sale(1000 + n, 1 + n % 2, days[n % len(days)], 1 + n % third, line(1 + n % little_till.PRODUCTS))
        for n in range(third)
    ]
    stores = [store(1, "Lyon"), store(2, "Nice")]
    return little_till.account(SHOP, 100_000_000, stores, sales, customers=customers)


@dataclass
class Changes:
    """What was changed at the till, so far. Sales change within the look-back only: older days are not read again."""

    world: World
    customers: int
    gone_customers: set[int] = field(default_factory=set)
    gone_products: set[int] = field(default_factory=set)
    made: int = 0

    def draw(self, chance: random.Random) -> str:
        """Makes a change; its name."""
        change = chance.choice(
            (
                *(self.sale, self.sale, self.edited_sale, self.customer, self.edited_customer, self.gone_customer),
                *(self.product, self.edited_product, self.gone_product, self.stock),
            )
        )
        change(chance)
        return change.__name__

    def sale(self, chance: random.Random) -> None:
        self.made += 1
        lines = [line(chance.choice(self._products())) for _ in range(chance.randint(1, 3))]
        day = days_ago(chance.randint(0, 1))
        self._till.put_sale(sale(500_000 + self.made, chance.randint(1, 2), day, self._customer(chance), *lines))

    def edited_sale(self, chance: random.Random) -> None:
        if self.made:
            lines = [line(chance.choice(self._products()), quantity=chance.randint(1, 3), line_item_id=self.made)]
            number = 500_000 + chance.randint(1, self.made)
            self._till.put_sale({"sale_id": number, "customer_id": self._customer(chance), "line_items": lines})

    def customer(self, chance: random.Random) -> None:
        self.customers += 1
        self._till.put("customers", customer(self.customers))

    def edited_customer(self, chance: random.Random) -> None:
        number = self._customer(chance)
        email = f"camille.{number}.{chance.randint(1, 99)}@example.org"
        change = {"loyalty_points": chance.randint(1, 900), "email": email}
        self._till.put("customers", {"customers_id": number, **change})

    def product(self, chance: random.Random) -> None:
        self._till.put("products", product(len(self._till.keys("products")) + len(self.gone_products) + 1))

    def edited_product(self, chance: random.Random) -> None:
        price = f"{chance.randint(1, 500)}.50"
        change = {"product_price": price, "product_arch": chance.choice((0, 0, 1))}
        self._till.put("products", {"product_id": chance.choice(self._products()), **change})

    def stock(self, chance: random.Random) -> None:
        places = {"product_size": 0, "warehouse_id": 1}
        number = chance.choice(self._products())
        self._till.put("stock", {"product_id": number, **places, "stock_available": chance.randint(0, 50)})

    def gone_customer(self, chance: random.Random) -> None:
        number = self._customer(chance)
        if self.customers - len(self.gone_customers) > 4:
            self._till.delete("customers", number)
            self.gone_customers.add(number)

    def gone_product(self, chance: random.Random) -> None:
        if len(self._products()) > 3:
            number = chance.choice(self._products())
            self._till.delete("products", number)
            self.gone_products.add(number)

    @property
    def _till(self) -> Any:
        return self.world.till(SHOP)

    def _customer(self, chance: random.Random) -> int:
        while (number := chance.randint(1, self.customers)) in self.gone_customers:
            pass
        return number

    def _products(self) -> list[int]:
        return [int(key) for key in self._till.keys("products")]
