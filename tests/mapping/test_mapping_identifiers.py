"""One rule makes every id: prefix + id, offset + id."""

from __future__ import annotations

import pytest

from connector.config import Identifiers
from connector.mapping import identifiers
from connector.mapping.outcomes import Refused

SHOP = Identifiers(prefix="ml_", offset=900_000_000)


def test_a_string_id_is_the_prefix_and_the_tills_id():
    assert identifiers.text_id(SHOP, "customer_id", 4821) == "ml_4821"


def test_an_integer_id_is_the_offset_plus_the_tills_id():
    assert identifiers.number_id(SHOP, "product_id", 117) == 900_000_117


def test_the_last_id_of_the_till_is_99_999_999():
    assert identifiers.number_id(SHOP, "product_id", 99_999_999) == 999_999_999


@pytest.mark.parametrize("pos_id", [100_000_000, 2**62, 0, -1, None])
@pytest.mark.parametrize("make", [identifiers.text_id, identifiers.number_id])
def test_any_other_id_is_refused_with_its_field(make, pos_id):
    with pytest.raises(Refused) as refused:
        make(SHOP, "the_field", pos_id)
    assert refused.value.field == "the_field"
    assert refused.value.reason.startswith("not an id that can be sent")


def test_no_integer_id_passes_2_to_the_31():
    high = Identifiers.model_construct(prefix="ml_", offset=2**31 - 1000)
    assert identifiers.number_id(high, "product_id", 999) == 2**31 - 1
    with pytest.raises(Refused):
        identifiers.number_id(high, "product_id", 1000)


def test_the_miscellaneous_product_has_the_offset_itself():
    assert identifiers.misc_product_id(SHOP) == 900_000_000


def test_the_status_has_the_prefix():
    assert identifiers.status_id(SHOP) == "ml_completed"


def test_rows_without_an_id_are_told_apart_by_what_they_hold_the_same_way_every_time():
    places, later = identifiers.Places("customer_id"), identifiers.Places("customer_id")
    one, other = places.name(None, {"email": "a"}), places.name(None, {"email": "b"})
    assert one.startswith("?customer_id=#")
    assert one != other
    assert later.name(None, {"email": "b"}) == other
    assert places.name(None, {"email": "a"}) == f"{one}#2"


def test_rows_with_an_id_that_cannot_be_sent_are_known_by_it():
    assert identifiers.Places("sale_id").name(100_000_000, {}) == "?sale_id=100000000"
