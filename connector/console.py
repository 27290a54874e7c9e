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

from connector.quota import in_words
from connector.reconciliation_lines import summed

if TYPE_CHECKING:
    from connector.sync import Watch

_NAMED = 20  # records named one by one
_PRICED = {  # a row of the table by kind of call
    "turnover": "turnover, of months that are not known yet",
    "sales": "sales: {days_with_sales} days with sales, by the turnover of {days_known} of {days} days and stores",
    "lines": "lines of {sales} sales",
    "lists": "lists, as long as they were last time",
    "pages": "pages of single customers and products, for what no list has",
}
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


def show_price(document: dict[str, Any]) -> None:
    """What a sync would cost the till, shop by shop."""
    for shop in document["shops"]:
        if (price := shop["price"]) is not None:
            table = _table(f"{shop['shop']}: {shop['status']}", ["", "calls"])
            for kind, what in _PRICED.items():
                table.add_row(what.format(**price), str(price["calls"][kind]))
            table.add_row("together", str(price["total"]), style="bold")
            out.print(table)
            months = "more than any month leaves" if price["months"] is None else f"{price['months']} months"
            out.print(
                f"of these for history: {price['history']}; left for history this month: {price['left_this_month']}, in a "
                f"whole month: {price['left_in_a_month']}; it takes {months}",
                soft_wrap=True,
            )
        else:
            out.print(f"{shop['shop']}: {shop['status']}", markup=False)
        _say_shop(shop)


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
        for event in shop.get("events", ()):
            _say_event(event)
        out.print(f"last run: {shop['last_run'] or 'never'}; days waiting: {shop['days_waiting']}")
        past = shop["history"]
        if past["left"]:
            known = f"{past['done']} of {past['known']} known days with sales are there; "
            out.print(f"history, per store: {known}{past['left']} days are due, from {past['from']} on")
        _say_shop(shop)
    if document["installations"]:
        table = _table("installations, as ShopiMind's webhooks left them", ["id", "shop", "state", "since"])
        for each in document["installations"]:
            table.add_row(each["installation_id"], _text(each["shop"]), each["state"], each["since"][:19])
        out.print(table)
        for each in document["installations"]:
            if each["problem"]:
                out.print(f"  {each['installation_id']}: {each['problem']}", markup=False, style="yellow")


def _say_event(event: dict[str, Any]) -> None:
    numbers = ", ".join(f"{event[name]} {name}" for name in ("sent", "waiting", "unclear", "refused"))
    skipped = f", skipped: {_reasons(event['skipped'])}" if event["skipped"] else ""
    out.print(f"event {event['code_name']}: {numbers}{skipped}", markup=False, soft_wrap=True)
    for difference in event["differs"]:
        out.print(f"  not as configured in ShopiMind: {difference}", markup=False, style="yellow", soft_wrap=True)


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


def show_webhooks(document: dict[str, Any]) -> None:
    """What every till pushes, and where to."""
    for shop in document["shops"]:
        table = _table(f"{shop['shop']}: webhooks", ["id", "ours", "label", "action", "store", "async", "address"])
        for row in shop["webhooks"]:
            store = "all" if row["store_id"] is None else str(row["store_id"])
            yes = ["yes" if row[name] else "no" for name in ("ours", "async")]
            table.add_row(str(row["webhook_id"]), yes[0], row["label"], row["action"], store, yes[1], row["address"])
        out.print(table)
        done = [f"{shop[name]} {name}" for name in ("registered", "unchanged", "removed") if name in shop]
        if done:
            out.print(", ".join(done))
        if shop["message"]:
            out.print(f"  - {shop['message']}", markup=False, soft_wrap=True)


def show_receipt(receipt: dict[str, Any]) -> None:
    """What an erasure removed."""
    out.print(f"{receipt['shop']}: {receipt['status']} {_text(receipt['erased_at'])}".rstrip(), highlight=False)
    for title, place in (("in ShopiMind", "shopimind"), ("here", "here")):
        if counts := receipt[place]:
            told = ", ".join(f"{number} {what}" for what, number in counts.items())
            out.print(f"  removed {title}: {told}", highlight=False, soft_wrap=True)
    for sentence in [*receipt["left"], *filter(None, [receipt["message"]])]:
        out.print(f"  - {sentence}", markup=False, soft_wrap=True)


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


def show_replay(document: dict[str, Any]) -> None:
    """What became of the refused records that were sent again, shop by shop."""
    for shop in document["shops"]:
        if shop["entities"]:
            table = _table(f"{shop['shop']}: {shop['status']}", ["entity", "chosen", "sent", "refused", "failed"])
            for row in shop["entities"]:
                table.add_row(_place(row), *(str(row[name]) for name in ("read", "sent", "refused", "failed")))
            out.print(table)
        if shop["message"]:
            out.print(f"{shop['shop']}: {shop['message']}", markup=False, style="yellow", soft_wrap=True)


def show_reconcile(document: dict[str, Any]) -> None:
    """What was compared, shop by shop."""
    for shop in document["shops"]:
        show_reconciliation(shop)
        _say_shop(shop)


def show_reconciliation(shop: dict[str, Any]) -> None:
    """The places of one shop side by side: a line per entity and store, the days that do not agree under theirs."""
    window = shop["window"] or {"from": "?", "to": "?"}
    columns = ["entity", "till", "read", "skipped", "refused", "to send", "ledger", "ShopiMind", "amount", ""]
    table = _table(f"{shop['shop']}: does it add up? (sales of {window['from']} to {window['to']})", columns)
    for total in summed(shop["lines"]):
        table.add_row(*_compared(_place(total), total))
        for line in shop["lines"]:
            if line["store_id"] is not None and not line["agrees"] and _place(line) == _place(total):
                table.add_row(*_compared(f"  {line['day'] or 'other days'}", line))
    out.print(table)
    for total in summed(shop["lines"]):
        if skipped := (total["read"] or {}).get("skipped"):
            out.print(f"  {_place(total)} skipped: {_reasons(skipped)}", soft_wrap=True)
        if built := (total["read"] or {}).get("built"):
            out.print(f"  {_place(total)} built, not read: {built} (for lines without a product)", soft_wrap=True)
    for name in ("missing", "extra", "different"):
        _say_named(name, shop[name])
    if repaired := shop.get("repaired"):
        number = len(repaired["missing"]) + len(repaired["different"])
        out.print(f"repaired: {number} missing or different before, {repaired['sent']} records sent")
        if repaired["message"]:
            out.print(repaired["message"], markup=False, style="yellow", soft_wrap=True)


def _compared(name: str, line: dict[str, Any]) -> list[str]:
    till, read = line["till"] or {}, line["read"] or {}
    differs = till.get("agrees") is False
    counts = [_text(each.get("records")) for each in (till, read)]
    if differs and "amount" in till:
        counts = [f"{count} ({each['amount']})" for count, each in zip(counts, (till, read), strict=True)]
    skipped = _text(sum(read["skipped"].values())) if "skipped" in read else ""
    places = [line[each] for each in ("to_send", "ledger", "shopimind")]
    amounts = dict.fromkeys(each["amount"] for each in places if "amount" in each)  # one where all agree
    mark = "[green]✓[/]" if line["agrees"] else "[red]✗[/]"
    numbers = [str(each["records"]) for each in places]
    return [name, *counts, skipped, _text(read.get("refused")), *numbers, " / ".join(amounts), mark]


def _say_named(name: str, found: Sequence[dict[str, Any]]) -> None:
    """Records by id, with what is known of each; the first ones, where there are many."""
    for each in found[:_NAMED]:
        place = [f"store {each['store_id']}" if each["store_id"] is not None else "", each["day"] or ""]
        what = [*filter(None, place), *each.get("fields", ()), *(["not delivered yet"] if _waits(each) else [])]
        out.print(
            f"  {name}: {each['entity']} {each['external_id']} ({', '.join(what)})".replace(" ()", ""), markup=False
        )
    if len(found) > _NAMED:
        out.print(f"  {name}: {len(found) - _NAMED} more; --json names them all")


def _waits(finding: dict[str, Any]) -> bool:
    return finding.get("missing_from") == "ledger"


def complain(errors: Iterable[dict[str, str]]) -> None:
    """Mistakes in the command or the configuration, each with its place."""
    for error in errors:
        err.print(f"{error['where']}: {error['message']}", markup=False, soft_wrap=True)


def _say_shop(shop: dict[str, Any]) -> None:
    calls, quota = shop.get("calls"), shop.get("quota")
    if calls:
        to_the_till = sum(number for to, number in calls.items() if to != "shopimind")
        out.print(f"calls: {to_the_till} to the till, {calls['shopimind']} to ShopiMind", highlight=False)
    if quota:
        used = f"{quota['used']} of {quota['limit']} calls used in {quota['month']}"
        out.print(f"quota: {in_words(quota) if 'forecast' in quota else used}", highlight=False, soft_wrap=True)
    if shop.get("message"):
        out.print(shop["message"], markup=False, style="yellow", soft_wrap=True)
    out.print()


def _table(title: str, columns: Sequence[str], wrapping: Sequence[str] = ("entity",)) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    words = {"entity", "store", "shop", "state", "id", "reason", "since", "last delivery", ""}
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
