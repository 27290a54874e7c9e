"""The numbers of sizes: no two the same, and for ever."""

from __future__ import annotations

from connector.state.variations import HIGHEST, VariationNumbers


def test_numbers_that_meet_are_told_apart_and_kept(db) -> None:
    numbers = VariationNumbers(db, "maison-lea")
    numbers.allot([(1, 31), (1, 32), (2, 31)], lambda product_id, size_id: HIGHEST)
    found = [numbers.of(*size) for size in [(1, 31), (1, 32), (2, 31)]]
    assert found == [HIGHEST, 1, 2]
    again = VariationNumbers(db, "maison-lea")
    again.allot([(2, 31), (1, 31), (3, 31)], lambda product_id, size_id: 1)
    assert [again.of(*size) for size in [(1, 31), (1, 32), (2, 31), (3, 31)]] == [*found, 3]
    assert (again.has_sizes(3), again.has_sizes(4), again.of(4, 31)) == (True, False, None)


def test_another_shop_has_numbers_of_its_own(db) -> None:
    for shop in ("maison-lea", "atelier-noa"):
        numbers = VariationNumbers(db, shop)
        numbers.allot([(1, 31)], lambda product_id, size_id: 5)
        assert numbers.of(1, 31) == 5


def test_a_plan_allots_nothing_for_good(db) -> None:
    planned = VariationNumbers(db, "maison-lea", dry=True)
    planned.allot([(1, 31)], lambda product_id, size_id: 5)
    assert planned.of(1, 31) == 5
    assert VariationNumbers(db, "maison-lea").of(1, 31) is None
