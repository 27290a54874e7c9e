"""An export folder in `shops.yaml`: its own keys, told like everyone else's."""

from __future__ import annotations

from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "data_samples" / "comptoir-des-halles" / "shops.yaml"


def spoilt(old: str, new: str) -> str:
    text = SAMPLE.read_text("utf-8")
    assert old in text
    return text.replace(old, new, 1)


def test_the_sample_loads(load, tmp_path):
    (shop,) = load(SAMPLE.read_text("utf-8"))
    assert (shop.pos.system, shop.pos.monthly_calls) == ("files", None)
    assert Path(shop.pos.folder) == tmp_path  # relative to the file
    assert shop.rules.product_link == "https://comptoir.example/?product_id={product_id}"


def test_a_rule_for_links_is_kept(load):
    (shop,) = load(
        spoilt("    first_day:", "    rules: {product_link: 'https://x.example/{product_id}'}\n    first_day:")
    )
    assert shop.rules.product_link == "https://x.example/{product_id}"


@pytest.mark.parametrize(
    ("old", "new", "place", "sentence"),
    [
        ("store_id: Code, ", "", "pos.stores.columns.store_id", "is missing"),
        ("store_id: Code", "store_idd: Code", "pos.stores.columns.store_idd", "did you mean store_id?"),
        ("file: clients.csv", "fil: clients.csv", "pos.customers.fil", "did you mean file?"),
        ("decimal:", "api_key:", "pos.api_key", "the keys here are system, account, folder"),
        ("encoding: cp1252", "encoding: klingon", "pos.encoding", "no encoding that is known"),
        ("encoding: cp1252", "encoding: zip", "pos.encoding", "no encoding that is known"),
        ('delimiter: ";"', 'delimiter: ";;"', "pos.delimiter", "one character"),
        ("file: stock.csv", "file: ../stock.csv", "pos.stock.file", "inside the folder"),
        ("website: https:", "website: http:", "pos.website", "https address"),
        ("dates: day_first", "dates: dmy", "pos.dates", "must be one of: year_first, day_first, month_first"),
        ("system: files", "system: fichiers", "pos.system", "must be hiboutik or files"),
        (
            "    first_day:",
            "    rules: {consent: {tag: A}}\n    first_day:",
            "rules.consent",
            "pos.customers.columns.consents",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(told, old, new, place, sentence):
    assert sentence in told(spoilt(old, new))[f"shops[0].{place}"]


@pytest.mark.parametrize("rule", ["variations", "newsletter", "addresses", "images"])
def test_a_rule_about_what_no_export_has_is_a_mistake(told, rule):
    found = told(spoilt("    first_day:", f"    rules: {{{rule}: send}}\n    first_day:"))
    assert found[f"shops[0].rules.{rule}"] == "is not for system: files; leave it skip"


def test_a_missing_website_is_told_once(told):
    assert told(spoilt("      website: https://comptoir.example\n", "")) == {"shops[0].pos.website": "is missing"}
