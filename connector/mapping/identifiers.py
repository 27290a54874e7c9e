"""The only place that makes an id for ShopiMind.

String ids are the shop's prefix and the till's id; integer ids are the shop's offset plus the till's id. The shop
owns `offset` to `offset + 99,999,999`, so an id of the till is 1 to 99,999,999; 0 means "none" everywhere in a till and
gives the shop's miscellaneous product its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from connector.config import Identifiers
from connector.mapping.outcomes import Refusal, refusal
from connector.mapping.records import digest_bytes

POS_IDS = 100_000_000
MAX_ID = 2**31 - 1


def text_id(identifiers: Identifiers, field_name: str, pos_id: int | None) -> str:
    """The string id (customers, orders, manufacturers). Raises `Refused` for an id outside 1 .. 99,999,999."""
    if pos_id is None or not 0 < pos_id < POS_IDS:
        raise refusal(field_name, Refusal.BAD_ID, pos_id if pos_id is not None else "none")
    return f"{identifiers.prefix}{pos_id}"


def text_ids(identifiers: Identifiers, pos_ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """The string ids of a column of ids that are known to be good ones."""
    return pc.binary_join_element_wise(identifiers.prefix, pos_ids.cast(pa.string()), "")


def number_id(identifiers: Identifiers, field_name: str, pos_id: int | None) -> int:
    """The integer id (products, categories). Raises `Refused` as `text_id`, and for one past 2^31 - 1."""
    if pos_id is None or not 0 < pos_id < POS_IDS or identifiers.offset + pos_id > MAX_ID:
        raise refusal(field_name, Refusal.BAD_ID, pos_id if pos_id is not None else "none")
    return identifiers.offset + pos_id


def is_pos_id(pos_id: int | None) -> bool:
    """Whether a till's id is one from which an id can be made."""
    return pos_id is not None and 0 < pos_id < POS_IDS


def preferred_number(product_id: int, size_id: int) -> int:
    """The number, 1 to 99,999,999, that a product's size gets where it is still free: always the same one.

    A till's product and size do not fit into one number of the shop's range, so two pairs may prefer the same one:
    `connector.state.variations` then allots the next that is free, and remembers it.
    """
    return 1 + int.from_bytes(digest_bytes(f"{product_id}/{size_id}".encode())[:8], "big") % (POS_IDS - 1)


def variation_id(identifiers: Identifiers, number: int) -> int:
    """The integer id of the variation to which that number was allotted. A space of its own: products have the same numbers."""
    return identifiers.offset + number


def image_id(identifiers: Identifiers, product_id: int | None, place: int) -> str:
    """The string id of a product's image. The till numbers no images, so it is the product's with the image's place."""
    return f"{text_id(identifiers, 'image_id', product_id)}-{place}"


def owns(identifiers: Identifiers, external_id: str | int) -> bool:
    """Whether an id is one that this shop would make: of text when it is text, else a number of the shop's range."""
    if isinstance(external_id, int):
        return identifiers.offset <= external_id < identifiers.offset + POS_IDS
    rest = external_id.removeprefix(identifiers.prefix) if external_id.startswith(identifiers.prefix) else ""
    return external_id == status_id(identifiers) or (rest.isascii() and rest.isdecimal())


def misc_product_id(identifiers: Identifiers) -> int:
    """The integer id of the product that stands for every line without a product."""
    return identifiers.offset


def status_id(identifiers: Identifiers) -> str:
    """The string id of the one order status."""
    return f"{identifiers.prefix}completed"


def number_of(name: str) -> int | None:
    """The till's own id of a refused row that `Places` named; None when it had none, or has an id of ours."""
    number = name.partition("=")[2].partition("#")[0] if name.startswith("?") else ""
    return int(number) if number.isdecimal() else None


@dataclass(slots=True)
class Places:
    """Names refused rows that have no id to be known by, each differently, and the same way in every run."""

    key: str
    seen: Counter[str] = field(default_factory=Counter)

    def name(self, pos_id: int | None, row: Mapping[str, Any]) -> str:
        """`?<key>=<id>`; without any id, `?<key>=#` and a digest of the row; a repetition gets its number."""
        known_by = pos_id if pos_id is not None else f"#{digest_bytes(orjson.dumps(row, default=str)).hex()[:16]}"
        name = f"?{self.key}={known_by}"
        self.seen[name] += 1
        return name if self.seen[name] == 1 else f"{name}#{self.seen[name]}"
