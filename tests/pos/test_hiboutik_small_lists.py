"""Small lists of a till that answers something else than an empty list when it has nothing to list."""

from __future__ import annotations

import pytest
from loopback_till import Reply, reply

from connector.pos.protocol import PosError

SMALL_LISTS = [
    ("brands", "/brands/", {"brand_id": 3, "brand_name": "Armor"}),
    ("categories", "/categories/", {"category_id": 12, "category_name": "Hauts"}),
    (
        "stock",
        "/stock_available/all_wh/",
        {"product_id": 5, "product_size": 0, "warehouse_id": 1, "stock_available": 6},
    ),
]


@pytest.mark.parametrize("nothing", [reply({}), reply(None), Reply(204, b"")], ids=["object", "null", "204"])
@pytest.mark.parametrize(("name", "path", "row"), SMALL_LISTS, ids=[name for name, *_ in SMALL_LISTS])
def test_a_small_list_may_be_answered_with_nothing_until_it_had_a_row(make, till, nothing, name, path, row):
    till.serve({path: nothing})
    assert getattr(make(), name)().num_rows == 0
    till.serve({path: [row]})
    assert getattr(make(), name)().num_rows == 1
    till.serve({path: nothing})
    with pytest.raises(PosError, match="instead of a list"):
        getattr(make(), name)()


def test_a_small_list_that_is_not_there_or_tells_an_error_is_no_empty_one(make, till):
    for answer in (Reply(404, b""), reply({"error": "busy"})):
        till.serve({"/brands/": answer, "/stores": reply({})})
        with pytest.raises(PosError):
            make().brands()
        with pytest.raises(PosError):  # an account has a store
            make().stores()
