"""A till that exports files, as the tests play it: the same shop as `tests.sync.world` has, written as CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.sync.world import day

Rows = Sequence[Sequence[Any]]  # the first one are the columns' names

COLUMNS: dict[str, dict[str, str]] = {
    "stores": {"store_id": "Code", "name": "Nom", "currency": "Devise", "time_zone": "Fuseau"},
    "sales": {
        "sale_id": "Ticket", "store_id": "Magasin", "customer_id": "Client", "closed_at": "Clôture", "total": "Total TTC",
        "external_reference": "Commande web",
    },
    "lines": {
        "sale_id": "Ticket", "product_id": "Article", "quantity": "Qté", "total": "Montant TTC", "tax_rate": "TVA",
    },
    "customers": {
        "customer_id": "N°", "last_name": "Nom", "email": "E-mail", "birth_date": "Né le", "consents": "Newsletter",
    },
    "products": {
        "product_id": "Réf", "name": "Désignation", "price": "Prix TTC", "category_id": "Famille", "brand_id": "Marque",
    },
    "categories": {"category_id": "Code", "name": "Libellé"},
    "brands": {"brand_id": "Code", "name": "Nom"},
    "stock": {"product_id": "Réf", "available": "Disponible"},
}  # fmt: skip


def lists() -> dict[str, list[list[Any]]]:
    """Everything but sales and their lines."""
    return {
        "stores": [
            ["Code", "Nom", "Devise", "Fuseau"],
            ["1", "Lyon", "EUR", "Europe/Paris"],
            ["2", "Saint-Denis", "EUR", "Indian/Reunion"],
        ],
        "customers": [
            ["N°", "Nom", "E-mail", "Né le", "Newsletter"],
            ["101", "Morvane", "ines@example.org", "14/03/1987", "oui"],
            ["102", "Ourgaud", "bastien@example.org", "", "non"],
            ["103", "Courriel", "", "", ""],
        ],
        "products": [
            ["Réf", "Désignation", "Prix TTC", "Famille", "Marque"],
            ["11", "Savon", "6,00", "1", "1"],
            ["12", "Bougie", "1 020,00", "", ""],
        ],
        "categories": [["Code", "Libellé"], ["1", "Bain"]],
        "brands": [["Code", "Nom"], ["1", "Atelier Brume"]],
        "stock": [["Réf", "Disponible"], ["11", "7"]],
    }


def usual_sales() -> dict[str, list[list[Any]]]:
    """Three orders, and an anonymous sale, one of a customer without e-mail, a web order and an open ticket."""
    return {
        "sales": [
            ["Ticket", "Magasin", "Client", "Clôture", "Total TTC", "Commande web"],
            ["501", "1", "101", at(day(5)), "12,00", ""],
            ["502", "2", "102", at(day(5)), "1 020,00", ""],
            ["503", "1", "", at(day(4)), "6,00", ""],
            ["504", "1", "103", at(day(3)), "6,00", ""],
            ["505", "2", "102", at(day(3)), "6,00", "WEB-1"],
            ["506", "1", "101", at(day(1)), "6,00", ""],
            ["507", "1", "101", "", "6,00", ""],
        ],
        "lines": [
            ["Ticket", "Article", "Qté", "Montant TTC", "TVA"],
            ["501", "11", "2", "12,00", "20"],
            ["502", "12", "1", "1 020,00", "5,5"],
            ["503", "11", "1", "6,00", "20"],
            ["504", "11", "1", "6,00", "20"],
            ["505", "11", "1", "6,00", "20"],
            ["506", "11", "1", "6,00", "20"],
            ["507", "11", "1", "6,00", "20"],
        ],
    }


def at(day: date, time: str = "10:00") -> str:
    """A closing as the till writes it."""
    return f"{day:%d/%m/%Y} {time}"


class Export:
    """A folder of files, to be written and spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.rows: dict[str, list[list[Any]]] = {**lists(), **usual_sales()}

    def write(self, *kinds: str) -> Export:
        """Writes the rows of these kinds, by default of all."""
        for kind in kinds or self.rows:
            self.path(kind).write_text(csv_text(self.rows[kind]), encoding="cp1252", newline="")
        return self

    def path(self, kind: str) -> Path:
        return self.folder / f"{kind}.csv"

    def add(self, kind: str, *row: Any) -> None:
        """One more row, written."""
        self.rows[kind].append(list(row))
        self.write(kind)

    def change(self, kind: str, key: str, column: str, value: Any) -> None:
        """Another value in the row of that key, written."""
        header = self.rows[kind][0]
        (row,) = [row for row in self.rows[kind] if row[0] == key]
        row[header.index(column)] = value
        self.write(kind)

    def pos(self, **changes: Any) -> dict[str, Any]:
        """The account in `shops.yaml`."""
        kinds: dict[str, Any] = {
            kind: {"file": f"{kind}.csv", "columns": dict(columns)} for kind, columns in COLUMNS.items()
        }
        return {
            "system": "files",
            "account": "alpha",
            "folder": str(self.folder),
            "website": "https://alpha.example",
            "encoding": "cp1252",
            "delimiter": ";",
            "decimal": ",",
            "dates": "day_first",
            "tax_rates": "percent",
            **kinds,
            **changes,
        }


def csv_text(rows: Rows) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    return text.getvalue()


def write_parquet(path: Path, columns: Mapping[str, pa.Array]) -> None:
    pq.write_table(pa.table(dict(columns)), path)
