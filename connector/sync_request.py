"""What a sync is asked to do: said by the command line, carried out by one Dagster run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from connector.config import Shop


@dataclass(frozen=True)
class SyncRequest:
    """What `connector sync` was asked to do with one shop. Days are store-local closing days, both inclusive.

    The shop is as the command read it: a hundred processes that each read a file of a hundred shops take minutes for it.
    """

    shop: Shop
    first: date | None = None
    last: date | None = None
    only: tuple[str, ...] = ()
    full: bool = False
