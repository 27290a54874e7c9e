"""What would become of the rows of one entity, of one store: the counts of a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connector.delivery.compare import Record, Verdict


@dataclass
class Planned:
    """What would become of the rows of one entity (of one store)."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def as_row(self, entity: str, store_id: int | None = None, source: int | None = None) -> dict[str, Any]:
        return {
            "entity": entity,
            "store_id": store_id,
            "id_data_source": source,
            "read": self.read,
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "skipped": dict(self.skipped),
            "refused": self.refused,
            "failed": self.failed,
        }

    def add(self, verdict: Verdict, record: Record) -> None:
        """One row, and its amount where it has one."""
        self.read += 1
        if record.amount is not None:
            currency = record.currency or ""
            self.amounts[currency] = self.amounts.get(currency, Decimal(0)) + record.amount
        if verdict is Verdict.NEW:
            self.new += 1
        elif verdict is Verdict.CHANGED:
            self.changed += 1
        elif verdict is Verdict.UNCHANGED:
            self.unchanged += 1
        elif verdict in (Verdict.NOT_READ, Verdict.NO_SOURCE):
            self.failed += 1
        elif verdict is Verdict.SKIPPED:
            self.skipped[record.reason or "?"] += 1
        else:
            self.refused += 1

    @property
    def sent(self) -> int:
        """Records that a sync would send."""
        return self.new + self.changed

    def keep_waiting(self) -> None:
        """What would be sent has nowhere to go."""
        self.failed, self.new, self.changed = self.failed + self.sent, 0, 0


def total_of(parts: Iterable[Planned]) -> Planned:
    """The counts of all stores together, without the amounts."""
    total = Planned()
    for part in parts:
        total.read += part.read
        total.new += part.new
        total.changed += part.changed
        total.unchanged += part.unchanged
        total.refused += part.refused
        total.failed += part.failed
        total.skipped.update(part.skipped)
    return total
