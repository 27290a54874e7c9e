"""The arithmetic of a run: every row read ends in exactly one of skipped, unchanged, sent, refused, failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

INACTIVE = "the ShopiMind installation is not active; nothing is lost, the next run asks again"


@dataclass
class Counts:
    """What became of the rows of one entity (of one store). `amounts` are per currency."""

    read: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unchanged: int = 0
    sent: int = 0
    refused: int = 0
    failed: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)
    created: int = 0  # of `sent`: those that ShopiMind had not had before
    refusals: Counter[str] = field(default_factory=Counter)  # of `refused`, by field and reason
    failures: Counter[str] = field(default_factory=Counter)  # of `failed`, by what happened

    @property
    def adds_up(self) -> bool:
        """Guarantee 3: nothing is silent."""
        return self.read == self.skipped.total() + self.unchanged + self.sent + self.refused + self.failed

    def fail(self, reason: str, number: int = 1) -> None:
        """Rows that will be tried again by the next run."""
        self.failed += number
        self.failures[reason] += number

    def refuse(self, field_name: str | None, reason: str) -> None:
        """One row that ShopiMind, or our own validation, will not take."""
        self.refused += 1
        self.refusals[f"{field_name or '?'}: {reason}"[:200]] += 1

    def add(self, part: Counts) -> None:
        """Takes the counts of a part (one store of several) in."""
        self.read += part.read
        self.skipped.update(part.skipped)
        self.unchanged += part.unchanged
        self.sent += part.sent
        self.refused += part.refused
        self.failed += part.failed
        self.created += part.created
        self.refusals.update(part.refusals)
        self.failures.update(part.failures)
        for currency, amount in part.amounts.items():
            self.add_amount(amount, currency)

    def add_amount(self, amount: Decimal | None, currency: str | None) -> None:
        """A sale's total, as the till has it."""
        if amount is not None:
            self.amounts[currency or ""] = self.amounts.get(currency or "", Decimal(0)) + amount

    def as_json(self) -> dict[str, Any]:
        """What the run log keeps."""
        return {
            "read": self.read,
            "skipped": dict(self.skipped),
            "unchanged": self.unchanged,
            "sent": self.sent,
            "refused": self.refused,
            "failed": self.failed,
            "amounts": {currency: f"{amount:.2f}" for currency, amount in self.amounts.items()},
            "created": self.created,
            "refusals": dict(self.refusals.most_common(20)),
            "failures": dict(self.failures.most_common(20)),
        }
