"""Writes the sample export folder: `python data_samples/export.py [FOLDER]`. The same files every time; see README.md."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from make import TARGET, Dice, ean13
from words import ARTICLES, FIRST_NAMES, LAST_NAMES

FOLDER: Path = TARGET / "comptoir-des-halles"
FIRST, LAST = date(2026, 10, 5), date(2026, 11, 20)
STORES = ((1, "Nantes - Halles", "EUR", "Europe/Paris"), (2, "Rennes - Marché", "EUR", "Europe/Paris"))
RATES = {1: Decimal(20), 2: Decimal("5.5")}  # by the tax id of `ARTICLES`, in percent
FAMILIES = {
    3: "Hauts",
    4: "Bas",
    5: "Accessoires",
    7: "Maison",
    8: "Cuisine",
    10: "Épicerie",
    11: "Thés",
    12: "Papeterie",
}

Line = tuple[int, int, Decimal, Decimal]  # article, quantity, total, rate


def comma(amount: Decimal) -> str:
    return str(amount.quantize(Decimal("0.01"), ROUND_HALF_UP)).replace(".", ",")


def write(name: str, header: str, rows: Sequence[Sequence[object]]) -> None:
    """As French tills write: semicolons, Windows line ends, and letters of the code page 1252."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.csv").open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows([header.split(";"), *rows])


def lists(dice: Dice) -> None:
    write("magasins", "Code;Nom;Devise;Fuseau", STORES)
    write("familles", "Code;Libellé", sorted(FAMILIES.items()))
    write("marques", "Code;Nom", [(1, "Atelier Brume"), (2, "L'Œuvre douce")])
    articles = [
        (100 + n, name, family, 1 + n % 2, comma(Decimal(str(price))), ean13(100 + n), "non")
        for n, (family, name, price, _) in enumerate(ARTICLES)
    ]
    write("articles", "Réf;Désignation;Famille;Marque;Prix TTC;Code-barres;Archivé", articles)
    write("stock", "Réf;Dépôt;Disponible", [(100 + n, 1, dice.below(40)) for n in range(len(ARTICLES))])
    clients = []
    for number in range(1, 41):
        first, last = dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES)
        email = "" if number % 10 == 0 else f"client{number}@example.org"
        phone = f"06 39 98 {dice.below(100):02d} {dice.below(100):02d}"
        clients.append((number, last, first, email, phone, "FR", dice.below(300), "oui" if dice.often(0.4) else "non"))
    write("clients", "N°;Nom;Prénom;E-mail;Téléphone;Pays;Points;Accepte la newsletter", clients)


def basket(dice: Dice) -> list[Line]:
    lines = []
    for _ in range(1 + dice.below(3)):
        article, quantity = dice.below(len(ARTICLES)), 1 + dice.below(2)
        _, _, price, tax = ARTICLES[article]
        lines.append((100 + article, quantity, Decimal(str(price)) * quantity, RATES[tax]))
    return lines


def sales(dice: Dice) -> None:
    """A file of sales and one of lines per month; one sale in five is anonymous."""
    tickets: dict[str, list[tuple[object, ...]]] = {}
    lines: dict[str, list[tuple[object, ...]]] = {}
    number, day = 7000, FIRST
    while day <= LAST:
        for store, *_ in STORES:
            for _ in range(dice.below(4)):
                number += 1
                month, bought = day.isoformat()[:7], basket(dice)
                client = "" if dice.often(0.2) else 1 + dice.below(40)
                total = comma(sum((line[2] for line in bought), Decimal(0)))
                closed = f"{day:%d/%m/%Y} {9 + dice.below(10):02d}:{dice.below(60):02d}"
                tickets.setdefault(month, []).append((number, store, client, closed, f"T{number}", total))
                lines.setdefault(month, []).extend(
                    (number, article, quantity, comma(amount), str(rate).replace(".", ","))
                    for article, quantity, amount, rate in bought
                )
        day += timedelta(days=1)
    for month in tickets:
        write(f"ventes-{month}", "Ticket;Magasin;Client;Clôture;Référence;Total TTC", tickets[month])
        write(f"lignes-{month}", "Ticket;Article;Qté;Montant TTC;TVA %", lines[month])


if __name__ == "__main__":
    chance = Dice(20261007)
    lists(chance)
    sales(chance)
