"""What the commands show on a terminal: progress, tables and sentences. With `--json` only progress."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from connector.reconciliation import Line
    from connector.sync import Watch

_WIDE = 120  # columns, where nobody says how many there are (a pipe, a log file)

out = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True, highlight=False)


def print_json(document: Any) -> None:
    """One JSON document on standard output, and nothing else there."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


@contextmanager
def progress(shops: Sequence[str]) -> Iterator[Watch]:
    """A bar per shop on a terminal; nothing where nobody watches."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[shop]}"),
        TextColumn("[dim]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks = {shop: bars.add_task("starting", shop=shop, total=None) for shop in shops}

        def watch(shop: str, what: str, done: int, total: int | None) -> None:
            bars.update(tasks[shop], description=what, completed=done, total=total)

        yield watch


def show_sync(document: dict[str, Any]) -> None:
    """What a sync did, shop by shop."""
    for shop in document["shops"]:
        _show_rows(shop, ["read", "skipped", "unchanged", "sent", "refused", "failed"])


def show_plan(document: dict[str, Any]) -> None:
    """What a sync would do, shop by shop."""
    for shop in document["shops"]:
        _show_rows(shop, ["read", "skipped", "unchanged", "new", "changed", "refused"])


def _show_rows(shop: dict[str, Any], numbers: list[str]) -> None:
    table = _table(f"{shop['shop']}: {shop['status']}", ["entity", "source", *numbers, "amount read"])
    for row in shop["entities"]:
        counted = (sum(row[name].values()) if name == "skipped" else row[name] for name in numbers)
        table.add_row(_place(row), _text(row["id_data_source"]), *map(str, counted), _amounts(row))
    out.print(table)
    _say_skipped(shop)
    _say_shop(shop)


def show_status(document: dict[str, Any]) -> None:
    """Where every shop stands."""
    for shop in document["shops"]:
        table = _table(
            f"{shop['shop']}: {shop['status']}", ["entity", "store", "delivered", "refused", "waiting", "last delivery"]
        )
        for row in shop["entities"]:
            table.add_row(
                row["entity"],
                _text(row["store_id"]),
                *(str(row[name]) for name in ("delivered", "refused", "waiting")),
                _text(row["last_delivery"]),
            )
        out.print(table)
        out.print(f"last run: {shop['last_run'] or 'never'}; days waiting: {shop['days_waiting']}")
        _say_shop(shop)


def show_check(document: dict[str, Any]) -> None:
    """Whether every shop can be synced."""
    for shop in document["shops"]:
        stores = ", ".join(
            f"{store['store_id']} {store['name']} ({store['currency']}, {store['time_zone']})"
            for store in shop["stores"]
        )
        out.print(
            f"[bold]{shop['shop']}[/]: {'[green]ok[/]' if shop['ok'] else '[red]not ok[/]'}  stores: {stores or 'none'}"
        )
        for problem in shop["problems"]:
            out.print(f"  - {problem}", markup=False, soft_wrap=True)


def show_refused(document: dict[str, Any]) -> None:
    """The refused records, one a line. The reason may wrap, nothing else; `--json` has more."""
    table = _table("refused", ["shop", "entity", "id", "store", "reason", "since", "tries"], wrapping=("reason",))
    for row in document["refused"]:
        table.add_row(
            row["shop"],
            row["entity"],
            row["external_id"],
            _text(row["store_id"]),
            f"{row['field']}: {row['reason']}" if row["field"] else row["reason"],
            row["first_at"][:10],
            str(row["tries"]),
        )
    out.print(table)


def show_reconciliation(shop: str, lines: Iterable[Line], report: dict[str, Any]) -> None:
    """The three counts of one shop."""
    table = _table(
        f"{shop}: does it add up?", ["entity", "read", "skipped", "refused", "till", "ledger", "CRM", "amount", ""]
    )
    for line in lines:
        numbers = (line.read, line.skipped, line.refused, line.till, line.ledger, line.crm)
        money = [line.till_amount, line.ledger_amount, line.crm_amount]
        amounts = dict.fromkeys(f"{amount:.2f}" for amount in money if amount is not None)  # one where all agree
        name = f"{line.entity}: {line.store}" if line.store else line.entity
        table.add_row(name, *map(str, numbers), " / ".join(amounts), "[green]✓[/]" if line.agrees else "[red]✗[/]")
    out.print(table)
    _say_skipped(report)


def complain(errors: Iterable[dict[str, str]]) -> None:
    """Mistakes in the command or the configuration, each with its place."""
    for error in errors:
        err.print(f"{error['where']}: {error['message']}", markup=False, soft_wrap=True)


def _say_shop(shop: dict[str, Any]) -> None:
    calls, quota = shop.get("calls"), shop.get("quota")
    if calls:
        out.print(f"calls: {calls['hiboutik']} to the till, {calls['shopimind']} to ShopiMind", highlight=False)
    if quota:
        pace = f"; at this pace {quota['forecast']} by its end" if "forecast" in quota else ""
        out.print(f"quota: {quota['used']} of {quota['limit']} calls used in {quota['month']}{pace}")
    if shop.get("message"):
        out.print(shop["message"], markup=False, style="yellow", soft_wrap=True)
    out.print()


def _table(title: str, columns: Sequence[str], wrapping: Sequence[str] = ("entity",)) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    words = {"entity", "store", "shop", "id", "reason", "since", "last delivery", ""}
    for column in columns:
        table.add_column(column, justify="left" if column in words else "right", no_wrap=column not in wrapping)
    return table


def _place(row: dict[str, Any]) -> str:
    return row["entity"] if row["store_id"] is None else f"{row['entity']} (store {row['store_id']})"


def _say_skipped(shop: dict[str, Any]) -> None:
    for row in shop["entities"]:
        if row["skipped"]:
            out.print(f"  {_place(row)} skipped: {_reasons(row['skipped'])}", soft_wrap=True)


def _reasons(skipped: dict[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in skipped.items())


def _amounts(row: dict[str, Any]) -> str:
    others = [f"{amount} {currency}" for currency, amount in row.get("amount_read_other", {}).items()]
    return " + ".join([row["amount_read"], *others]) if "amount_read" in row else ""


def _text(value: Any) -> str:
    return "" if value is None else str(value)
