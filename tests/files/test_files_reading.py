"""What an export folder gives: as CSV and as Parquet, spoilt, in several files, and changing while it is read."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from connector.pos.files_tables import Table
from connector.pos.protocol import PosError, PosUnavailable
from connector.pos.testing import ALL_LINES
from tests.files.conftest import Open
from tests.files.export import COLUMNS, Export, csv_text, write_parquet
from tests.sync.world import day


def kind(name: str, file: str) -> dict[str, Any]:
    return {name: {"file": file, "columns": COLUMNS[name]}}


def test_parquet_says_the_same_as_csv(export: Export, open_folder: Open) -> None:
    csv = open_folder().sales(1, day(5), ALL_LINES).to_pylist()
    closed = datetime.combine(day(5), datetime.min.time()).replace(hour=10)
    write_parquet(export.folder / "sales.parquet", {
        "Ticket": pa.array([501], pa.int32()), "Magasin": pa.array([1.0]), "Client": pa.array([101.0, ]),
        "Clôture": pa.array([closed], pa.timestamp("s")), "Total TTC": pa.array([Decimal("12.00")]),
        "Commande web": pa.array([None], pa.string()), "Autre": pa.array([[1]]),
    })  # fmt: skip
    parquet = open_folder(**kind("sales", "sales.parquet")).sales(1, day(5), ALL_LINES).to_pylist()
    assert [row | {"closed_at": ""} for row in parquet] == [row | {"closed_at": ""} for row in csv]
    assert parquet[0]["closed_at"].startswith(f"{day(5)} 10:00:00")


def test_a_file_that_is_no_parquet_is_named(export: Export, open_folder: Open) -> None:
    (export.folder / "sales.parquet").write_bytes(b"PAR1 nothing else")
    (fault,) = open_folder(**kind("sales", "sales.parquet")).check_rights()
    assert "sales.parquet cannot be read as Parquet" in fault


def test_of_overlapping_files_the_newest_counts(export: Export, open_folder: Open) -> None:
    header, *rows = export.rows["sales"]
    (export.folder / "s-1.csv").write_text(csv_text([header, *rows]), encoding="cp1252")
    (export.folder / "s-2.csv").write_text(csv_text([header, [*rows[0][:4], "7,00", ""]]), encoding="cp1252")
    lines, first, *_ = export.rows["lines"]
    (export.folder / "l-1.csv").write_text(csv_text(export.rows["lines"]), encoding="cp1252")
    (export.folder / "l-2.csv").write_text(csv_text([lines, [*first[:3], "7,00", "20"]]), encoding="cp1252")
    folder = open_folder(**kind("sales", "s-*.csv"), **kind("lines", "l-*.csv"))
    (sale,) = folder.sales(1, day(5), ALL_LINES).to_pylist()
    assert (sale["total"], [line["total"] for line in sale["lines"]], sale["problems"]) == ("7.00", ["7.00"], None)
    assert any("1 rows repeat an id" in warning for warning in folder.warnings)


def test_a_file_that_changes_while_it_is_read_is_not_used(
    export: Export, open_folder: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Table.rows

    def rows(table: Table) -> Any:
        for number, row in enumerate(original(table)):
            if table.kind == "sales" and number == 2:
                with export.path("sales").open("a", encoding="cp1252") as file:
                    file.write("600;1;101;01/01/2026 10:00;6,00;\r\n")
            yield row

    monkeypatch.setattr(Table, "rows", rows)
    folder = open_folder()
    for _ in range(2):  # nor read again in the same run
        with pytest.raises(PosUnavailable, match="changed while it was read"):
            folder.sales(1, day(5), ALL_LINES)
    monkeypatch.undo()
    assert open_folder().sales(1, day(5), ALL_LINES).num_rows == 1


def test_each_file_is_read_once_however_many_days_are_asked(open_folder: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = Table.rows
    monkeypatch.setattr(Table, "rows", lambda table: read.append(table.kind) or original(table))
    folder = open_folder()
    for ago in range(30):
        folder.sales(1, day(ago), ALL_LINES)
    folder.customers_by_id([101])
    folder.customers_by_id([102])
    assert sorted(read) == ["customers", "lines", "sales", "stores"]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda text: text.replace("101;", '"101;', 1), "is no CSV near line"),
        (lambda text: text.replace("Client", "Magasin", 1), "no column 'Client'"),
        (lambda text: "", "is empty"),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_not_read_in_part(
    export: Export, open_folder: Open, spoil: Any, sentence: str
) -> None:
    path = export.path("sales")
    path.write_text(spoil(path.read_text("cp1252")), encoding="cp1252", newline="")
    with pytest.raises(PosError, match=sentence):
        open_folder().sales(1, day(5), ALL_LINES)


def test_a_row_with_too_few_cells_keeps_its_place_and_its_problem(export: Export, open_folder: Open) -> None:
    with export.path("customers").open("a", encoding="cp1252") as file:
        file.write("105;Coupé")
    (page,) = open_folder().customers()
    (cut,) = [row for row in page.to_pylist() if row["customer_id"] == 105]
    assert "has 2 cells, not 5" in cut["problems"]


@pytest.mark.parametrize(
    ("text", "price", "problem"),
    [("1 234,5", "1234.5", False), ("1.234,50", "1234.50", False), ("-6,00", "-6.00", False), ("12.50", "12.50", True)],
)
def test_a_decimal_comma(export: Export, open_folder: Open, text: str, price: str, problem: bool) -> None:
    export.change("products", "11", "Prix TTC", text)
    (page,) = open_folder().products()
    row = page.to_pylist()[0]
    assert (row["price"], row["problems"] is not None) == (price, problem)
