"""Everything unusual in the sample account `maison-lea`, on purpose, by id. `README.md` says what each one is for."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]
ZERO = "0000-00-00 00:00:00"

#: Customer id -> what differs from an ordinary customer; None: deleted, though sales name it.
ODD_CUSTOMERS: dict[int, Row | None] = {
    7: None,
    11: {"email": ""},
    12: {"email": "zelie.mirandol@@example"},
    13: {"last_name": "Rivaudon", "first_name": "Prune", "email": "famille.rivaudon@example.org"},
    14: {"last_name": "Rivaudon", "first_name": "Octave", "email": " Famille.Rivaudon@Example.org "},
    15: {"email": "naissance.impossible@example.org", "date_of_birth": "1987-02-30"},
    16: {"email": "cles.nulles@example.org", "phone": None, "vat": None, "country": None, "date_of_birth": None,
         "validity": None, "loyalty_points": None, "prepaid_purchases": None, "store_credit": None,
         "customers_ref_ext": None, "last_order_date": None, "customers_code": None},
    17: {"last_name": "  D&#039;Aubrelle ", "first_name": "Th&eacute;a &amp;  Marius",
         "email": "thea.marius@example.org"},
    18: {"email": "telephone.libre@example.org", "phone": "demander à sa sœur"},
    19: {"email": "pays.deux.lettres@example.org", "country": "FR", "phone": "06 39 98 00 19"},
    20: {"email": "pays.reunion@example.org", "country": "REU", "phone": "0692 12 00 20"},
    21: {"email": "pays.suisse@example.org", "country": "CHE", "phone": "079 123 00 21"},
    22: {"email": "pays.vide@example.org", "country": "", "phone": "+33 (0)6 39 98 00 22"},
    23: {"email": "societe@example.org", "company": "Hôtel des Exemples &amp; Fils", "last_name": "", "first_name": "",
         "vat": "FR00000000000", "lists": [2]},
    24: {"email": "consentement@example.org", "tags": [2], "lists": [1], "customers_misc": "newsletter=oui"},
    25: {"email": "prepaye@example.org", "store_credit": "12.50", "prepaid_purchases": "150.00",
         "intial_loyalty_points": 40, "loyalty_points": 40},
}  # fmt: skip

#: Product id -> what differs from an ordinary product; None: deleted, though sales name it.
ODD_PRODUCTS: dict[int, Row | None] = {
    1001: {"product_model": "Marinière col rond à tailles", "tags": [4]},
    1002: {"product_model": "Chemise de l'an passé", "product_arch": 1},
    1003: {"product_model": "Bougie au bon code-barres", "product_price": "18.50", "product_barcode": "4006381333931"},
    1004: {"product_model": "Bougie au mauvais code-barres", "product_price": "18.50",
           "product_barcode": "4006381333932"},
    1005: {"product_model": "Vase au code maison", "product_price": "27.00", "product_barcode": "ML-1005"},
    1006: {"product_model": "Foulard en promotion", "product_price": "45.00", "product_discount_price": "29.00"},
    1007: {"product_model": "Thé en vrac (kg)", "product_price": "48.00", "product_vat": 2, "product_category": 11,
           "product_size_type": 0, "product_brand": 2, "weight": "1.00"},
    1008: {"product_model": "  Sac &amp; pochette &quot;Lilas&quot;  ", "product_price": "22.90",
           "products_desc": "<p>Coton&nbsp;bio,\r\n fait main</p>"},
    1009: {"product_model": "Article sans rayon ni marque", "product_category": 0, "product_brand": 0},
    1010: {"product_model": "Article aux clés nulles", "product_barcode": None, "products_desc": None,
           "product_supplier_reference": None, "product_brand": None, "product_category": None,
           "product_discount_price": None, "updated_at": None},
    1011: {"product_model": "Article au stock négatif"},
    1012: {"product_model": "Échantillon gratuit", "product_price": "0.00"},
    1013: {"product_model": "Article au prix illisible", "product_price": "sur devis", "product_supply_price": "0.00"},
    1014: {"product_model": "Article jamais modifié", "product_price": "3.33", "updated_at": ZERO},
    1099: None,
}  # fmt: skip


def _line(product: int, price: str, quantity: int | float = 1, vat: str = "0.20000", **more: Any) -> Row:
    return {"product_id": product, "product_size": 0, "quantity": quantity, "product_price": price, "vat": vat, **more}


def _sale(number: int, closed: str, lines: list[Row], customer: int = 31, **more: Any) -> Row:
    return {
        "sale_id": number, "created_at": more.pop("created_at", closed[:-2] + "00"), "completed_at": closed,
        "store_id": 1, "customer_id": customer, "line_items": lines, **more,
    }  # fmt: skip


ODD_SALES: list[Row] = [
    _sale(501, "2026-10-06 10:15:31", [_line(1021, "3.33", 2)], customer=0),
    _sale(502, "2026-10-06 11:02:12", [_line(1003, "18.50"), _line(0, "12.00", product_model="Retouche ourlet")]),
    _sale(503, "2026-10-06 11:40:09", [
        _line(1003, "18.50"), _line(1006, "45.00", 2), _line(0, "-5.00", product_model="Geste commercial")]),
    _sale(504, "2026-10-07 15:20:44", [
        _line(1006, "45.00", -1, line_item_id_return=50302, date_return=20261006, credit_note=1, credit_note_id=1)],
        payment="CRED"),
    _sale(505, "2026-10-08 09:58:17", [
        _line(1004, "18.50", -1, line_item_id_return=50201, date_return=20261006), _line(1006, "45.00")], customer=32),
    _sale(506, "2026-10-08 17:31:50", [_line(1006, "45.00"), _line(1003, "18.50")], customer=33, payment="DIV",
          payment_details=[{"payment_type": "CB", "payment_amount": "50.00"},
                           {"payment_type": "ESP", "payment_amount": "13.50"}]),
    _sale(507, "2026-10-09 12:05:03", [
        _line(1006, "45.00", 2, discount="9.00"), _line(1003, "18.50", discount="1.85")], customer=34),
    _sale(508, "2026-10-09 14:45:29", [_line(1002, "59.00")], customer=35),
    _sale(509, "2026-10-10 10:10:10", [
        _line(1001, "39.00", product_size=31), _line(1001, "39.00", 2, product_size=32, discount="7.80")], customer=36),
    _sale(510, "2026-10-10 16:22:36", [_line(1008, "22.90")], customer=11),
    _sale(511, "2026-10-12 11:11:11", [_line(1008, "22.90")], customer=12),
    _sale(512, "2026-10-12 15:00:00", [_line(1003, "18.50")], customer=13),
    _sale(513, "2026-10-13 15:30:00", [_line(1004, "18.50")], customer=14),
    _sale(514, "2026-10-13 16:40:21", [_line(1005, "27.00")], customer=7),
    _sale(515, "2026-10-14 10:20:30", [
        _line(1099, "33.00", product_model="Article supprimé"), _line(1003, "18.50")], customer=37),
    _sale(516, "2026-10-14 11:00:00", [_line(1005, "27.00")], customer=38, sale_ext_ref="WOO-4711", payment="WEB"),
    _sale(517, "2026-10-15 18:05:55", [_line(1006, "29.00")], customer=0, sale_ext_ref="PS_812", payment="WEB"),
    _sale(518, ZERO, [_line(1003, "18.50")], customer=39, created_at="2026-11-20 17:55:00"),
    _sale(519, ZERO, [_line(1006, "45.00", 10)], customer=23, created_at="2026-11-18 10:00:00", quotation=1),
    _sale(520, "2026-11-01 00:12:09", [_line(1006, "45.00")], 40, created_at="2026-10-31 23:48:40", date_z=20261031),
    _sale(521, "2026-10-25 02:30:00", [_line(1003, "18.50")], customer=41),
    _sale(522, "2026-10-25 02:15:00", [_line(1003, "18.50", vat="0.08100")], 42, store_id=5, currency="CHF"),
    _sale(523, "2026-10-20 10:41:00", [_line(1007, "48.00", 0.35, "0.055"), _line(1003, "18.50")], customer=43),
    _sale(524, "2026-10-21 15:15:15", [_line(1006, "37.50", vat="0.00000"), _line(1005, "22.50", vat="0.00000")], 44,
          without_taxes=1),
    _sale(525, "2026-10-22 09:45:45", [_line(1006, "37.50", 2), _line(1003, "15.42")], 23, prices_without_taxes=1),
    _sale(526, "2026-10-23 14:20:00", [
        _line(1003, "18.50", -1, line_item_id_return=50602, date_return=20261008), _line(1004, "18.50")], customer=33),
    _sale(527, "2026-10-23 14:50:00", [], customer=45),
    _sale(528, "2026-10-24 16:00:01", [_line(1012, "0.00"), _line(1003, "18.50")], customer=46),
    _sale(529, "2026-10-27 13:33:33", [_line(1003, "18.50", vat="0.08100")], 47, store_id=5, currency="EUR"),
    _sale(530, "2026-10-28 12:12:12", [_line(1014, "3.33", 3, item_total_gross="10.00")], customer=48),
    _sale(531, "2026-10-29 11:20:00", [_line(1003, "18.50")], customer=15),
    _sale(532, "2026-10-30 10:00:00", [_line(1014, "3.33", 3, discount="0.01"), _line(1003, "18.50")], customer=16),
    _sale(533, "2026-11-03 17:17:17", [_line(0, "20.00", product_model="Divers")], customer=25),
    _sale(534, "2026-11-04 09:09:09", [_line(0, "-10.00", product_model="Remboursement")], customer=25),
    _sale(535, "2026-11-05 18:59:59", [
        _line(1003, "18.50", -1, line_item_id_return=50602), _line(0, "25.00")], customer=17),
    _sale(536, "2026-11-20 23:59:59", [_line(1003, "18.50", vat="0.08500")], 24, store_id=2),
    _sale(537, "2026-11-06 10:30:00", [_line(1006, "45.00"), _line(1003, "18.50", vat="0.08500")], 13, store_id=2),
    _sale(538, "2026-11-07 11:30:00", [_line(1007, "48.00", 0.125, "0.055")], customer=0),
]  # fmt: skip
