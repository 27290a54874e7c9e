"""What, beside the till's row, decides what becomes of it: this version's mapping and the shop's configuration."""

from __future__ import annotations

from connector.config import Shop
from connector.mapping.records import digest_bytes

# Raise it when a change of the mapping may help a row that is refused: every refused record is then tried once more, and
# the closing days of refused orders are read again. What is delivered is not touched by it.
MAPPING_VERSION = 1


def edition(shop: Shop) -> str:
    """A word that differs when the mapping's version, or anything in `shops.yaml` that mapping depends on, does."""
    named = {"lang", "country", "identifiers", "rules"}
    decides = shop.model_dump_json(include=named | {"custom_data"} if shop.custom_data else named)
    return digest_bytes(f"{MAPPING_VERSION} {decides}".encode()).hex()
