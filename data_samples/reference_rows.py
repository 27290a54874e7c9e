"""The small lists of the sample accounts (stores, taxes, categories, ...) and their `account.json`."""

from __future__ import annotations

from typing import Any


def _categories(rows: list[tuple[int, int, str]]) -> list[dict[str, Any]]:
    return [
        {"category_id": number, "category_name": name, "category_id_parent": parent, "category_enabled": 1,
         "category_enabled_www": 1, "category_position": place, "category_bck_color": "#FFFFFF",
         "category_color": "#000000"}
        for place, (number, parent, name) in enumerate(rows, 1)
    ]  # fmt: skip


def _brands(names: list[str]) -> list[dict[str, Any]]:
    return [
        {"brand_id": number, "brand_name": name, "brand_enabled": int(number != 6), "brand_enabled_www": 1,
         "brand_position": number}
        for number, name in enumerate(names, 1)
    ]  # fmt: skip


def _taxes(rows: list[tuple[int, str, str]]) -> list[dict[str, Any]]:
    return [
        {"tax_id": number, "tax_name": name, "tax_value": value, "tax_enabled": 1, "tax_default": int(number == 1),
         "tax_position": number}
        for number, name, value in rows
    ]  # fmt: skip


def _payment_types(store_id: int, currency: str, codes: str) -> list[dict[str, Any]]:
    return [
        {"store_id": store_id, "payment_type": code, "currency": currency, "accounting_account": "", "enabled": 1,
         "open_drawer": int(code == "ESP")}
        for code in codes.split()
    ]  # fmt: skip


def _store(number: int, name: str, warehouse: int, currency: str, zone: str, city: str, country: str) -> dict[str, Any]:
    return {
        "store_id": number, "store_name": name, "store_warehouse_id": warehouse, "store_default_currency": currency,
        "store_default_payment_method": "CB", "store_time_zone": zone, "discounts": [],
        "store_address": {"company": "", "address": "1 rue de l'Exemple", "city": city, "country": country},
    }  # fmt: skip


_SIZE_TYPES = [{"size_type_id": 1, "size_type_name": "Vêtements", "size_type_enabled": 1, "size_type_position": 1}]
_SIZES = [
    {"size_id": number, "size_type_id": 1, "size_name": name, "size_enabled": 1, "size_position": number - 30}
    for number, name in ((31, "S"), (32, "M"), (33, "L"))
]
_SUPPLIERS = [
    {"supplier_id": number, "supplier_name": name, "supplier_enabled": 1, "supplier_position": number,
     "supplier_email": f"contact@fournisseur{number}.example.com", "supplier_ref_ext": ""}
    for number, name in enumerate(("Filatures du Lac", "Terres Claires", "Épicerie Sauvage"), 1)
]  # fmt: skip
_USERS = [
    {"user_id": 1, "user_last_name": "Durandel", "user_first_name": "Léa", "user_email": "lea@example.org"},
    {"user_id": 2, "user_last_name": "O&#039;Brien", "user_first_name": " Noa ", "user_email": "noa@example.org"},
    {"user_id": 3, "user_last_name": "Caisse", "user_first_name": "Extra", "user_email": ""},
]
_TAGS = [
    {"of": "customers", "tag_cat_id": 1, "tag_cat": "Fidélité", "tag_details": [
        {"tag_id": 1, "tag": "VIP"}, {"tag_id": 2, "tag": "Newsletter"}, {"tag_id": 3, "tag": "SMS"}]},
    {"of": "products", "tag_cat_id": 2, "tag_cat": "Saison", "tag_details": [
        {"tag_id": 4, "tag": "Hiver 2026"}, {"tag_id": 5, "tag": "Été 2026"}]},
]  # fmt: skip
_LISTS = [{"list_id": 1, "list_name": "Newsletter"}, {"list_id": 2, "list_name": "Professionnels"}]

_TREE = [
    (1, 0, "Mode"), (2, 1, "Prêt-à-porter"), (3, 2, "Hauts"), (4, 2, "Bas"), (5, 1, "Accessoires"),
    (6, 0, "Maison &amp; déco"), (7, 6, "Ambiance"), (8, 6, " Cuisine "), (9, 0, "Épicerie"), (10, 9, "Douceurs"),
    (11, 9, "Thés &amp; infusions"), (12, 0, "Papeterie"), (13, 1, "Mode"),
]  # fmt: skip

MAISON_LEA: dict[str, Any] = {
    "account": {
        "account": "maison-lea", "login": "ops@example.org", "api_key": "demo-key-maison-lea",
        "oauth_token": "demo-token-maison-lea", "label": "Maison Léa", "lang": "fr", "country": "FR", "prefix": "ml_",
        "offset": 900_000_000, "first_day": "2026-10-01",
    },
    "stores": [
        _store(1, "Lyon Croix-Rousse", 1, "EUR", "Europe/Paris", "Lyon", "FRA"),
        _store(2, " Saint-Denis &amp; Océan ", 3, "EUR", "Indian/Reunion", "Saint-Denis", "REU"),
        _store(5, "Genève", 4, "CHF", "Europe/Zurich", "Genève", "CHE"),
    ],
    "warehouses": [
        {"warehouse_id": number, "warehouse_name": name}
        for number, name in ((1, "Lyon"), (2, "Réserve centrale"), (3, "Saint-Denis"), (4, "Genève"))
    ],
    "users": _USERS,
    "taxes": _taxes([
        (1, "Taux normal 20%", "0.20000"), (2, "Taux réduit 5,5%", "0.055"), (3, "Réunion 8,5%", "0.08500"),
        (4, "Réunion 2,1%", "0.021"), (5, "Suisse 8,1%", "0.08100"), (6, "Suisse 2,6%", "0.026"),
        (7, "Sans TVA", "0.00000"),
    ]),
    "payment_types": [
        *_payment_types(1, "EUR", "CB ESP CHE CRED"), *_payment_types(2, "EUR", "CB ESP CHE"),
        *_payment_types(5, "CHF", "CB ESP TWI"),
    ],
    "categories": _categories(_TREE),
    "brands": _brands([
        "Armorelle", "Terres &amp; Mers", "Atelier Brume", "Lin du Nord", " Petit Phare ", "Ancienne Marque"
    ]),
    "suppliers": _SUPPLIERS, "size_types": _SIZE_TYPES, "sizes": _SIZES, "tags": _TAGS, "customer_lists": _LISTS,
}  # fmt: skip

ATELIER_NOA: dict[str, Any] = {
    "account": {
        "account": "atelier-noa", "login": "noa@example.org", "api_key": "demo-key-atelier-noa",
        "oauth_token": "demo-token-atelier-noa", "label": "Atelier Noa", "lang": "fr", "country": "BE", "prefix": "an_",
        "offset": 1_000_000_000, "first_day": "2026-10-01",
    },
    "stores": [_store(1, "Ixelles", 1, "EUR", "Europe/Brussels", "Bruxelles", "BEL")],
    "warehouses": [{"warehouse_id": 1, "warehouse_name": "Atelier"}],
    "users": _USERS,
    "taxes": _taxes([(1, "TVA 21%", "0.210"), (2, "TVA 6%", "0.060")]),
    "payment_types": _payment_types(1, "EUR", "CB ESP BAN"),
    "categories": _categories(_TREE),
    "brands": _brands(["Noa", "Lin du Nord", "Papier Plié", "Grès Vivant", "Ruche Urbaine", "Fil Rouge"]),
    "suppliers": _SUPPLIERS, "size_types": _SIZE_TYPES, "sizes": _SIZES, "tags": _TAGS, "customer_lists": _LISTS,
}  # fmt: skip
