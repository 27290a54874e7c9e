"""The command line. What a command does is elsewhere; here are its options, its output and its exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from types import FrameType
from typing import Annotated, Any

import typer

from connector.cli_erase import erase
from connector.cli_frame import (
    WRONG,
    AsJson,
    Mistakes,
    ShopsFile,
    SomeShops,
    carry_out,
    checked_entities,
    chosen_shops,
    each_shop,
    tell_mistakes,
)
from connector.cli_receive import receive
from connector.cli_refused import refused_app
from connector.cli_sandbox import demo, sandbox
from connector.cli_webhooks import webhooks_app
from connector.config import Shop
from connector.delivery import entities

app = typer.Typer(
    name="connector",
    help="Delivers a point-of-sale account's stores, customers, products and sales to ShopiMind.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a secret
    epilog="Exit codes, the first that applies: 2 the command or the configuration is wrong and nothing was done, "
    "1 something failed and the next run tries it again, 4 stopped on purpose (quota reached, or the installation is "
    "not active), 3 delivered, but some rows are refused, 0 everything is delivered.",
)

INTERRUPTED = 130  # what Typer makes of Ctrl-C
_TO_END = 8.0  # seconds from a signal to the end of the process, whatever server it waits for
_telling = threading.Lock()  # taken by whoever tells first that the command was stopped

FirstDay = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="YYYY-MM-DD", help="First closing day in the stores' own time; read even if it is complete."
    ),
]
LastDay = Annotated[
    str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last closing day, included; default: today.")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", help=f"Only this entity, may be repeated: {', '.join(entities.NAMES)}, or custom data."),
]
Full = Annotated[bool, typer.Option("--full", help="Ignore the ledger: send again everything that is read.")]


@app.command()
def sync(
    shops: ShopsFile = None,
    as_json: AsJson = False,
    shop: SomeShops = None,
    first: FirstDay = None,
    last: LastDay = None,
    only: Only = None,
    full: Full = False,
) -> None:
    """Reads the tills and delivers what is new or changed.

    One Dagster run per shop, shops side by side. Without --from and --to: every day since first_day that is not
    complete, the two days before today, and today.
    """

    def work() -> tuple[dict[str, Any], int]:
        from connector.sync import prepare
        from connector.sync import sync as run_all
        from connector.sync_request import SyncRequest

        prepare()  # while we read the configuration, Dagster is imported
        _, chosen = chosen_shops(shops, shop)
        days = _days(chosen, first, last)
        entities_asked = checked_entities(only, chosen)
        from connector import console

        requests = [SyncRequest(each, *days, tuple(entities_asked), full) for each in chosen]
        with console.progress([each.key for each in chosen]) as watch:
            document = run_all(requests, watch)
        return document, document["exit_code"]

    carry_out(work, as_json, "show_sync")


@app.command()
def plan(
    shops: ShopsFile = None,
    as_json: AsJson = False,
    shop: SomeShops = None,
    first: FirstDay = None,
    last: LastDay = None,
    only: Only = None,
    full: Full = False,
    price: Annotated[
        bool,
        typer.Option(
            "--price", help="Only what it would cost, from the till's turnover: one call per store and month."
        ),
    ] = False,
) -> None:
    """Says what a sync would do, and the calls it needs.

    Writes nothing to ShopiMind. It reads the till as the sync would, so it spends as many of the month's calls. With
    --price it reads nothing but the turnover that is not known yet, and says how many calls and months a sync would take.
    """

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = chosen_shops(shops, shop)
        days = _days(chosen, first, last)
        entities_asked = checked_entities(only, chosen)
        if price:
            if only:
                raise Mistakes({"where": "--price", "message": "prices a whole sync: leave out --only"})
            from connector.price import price_shops

            document = price_shops(chosen, *days, full)
            return document, document["exit_code"]
        from connector.plan import plan_shops

        document = plan_shops(chosen, *days, entities_asked, full)
        return document, document["exit_code"]

    carry_out(work, as_json, "show_price" if price else "show_plan")


@app.command()
def reconcile(
    shops: ShopsFile = None,
    as_json: AsJson = False,
    shop: SomeShops = None,
    first: FirstDay = None,
    last: LastDay = None,
    only: Only = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Deliver what is missing or different, then compare again.")
    ] = False,
) -> None:
    """Compares the till with the ledger and with ShopiMind's own lists, in count and in money.

    Without --from and --to: the sales of this month and the last, and the orders of all other days in ledger and
    ShopiMind. Exit code 1 says that something differs; it is named by id. Only --repair writes anything, and nothing is
    ever deleted in ShopiMind.
    """

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = chosen_shops(shops, shop)
        days = _days(chosen, first, last)
        entities_asked = checked_entities(only, chosen)
        from connector import console
        from connector.reconcile import Question, reconcile_shops

        with console.progress([each.key for each in chosen]) as watch:
            question = Question(*days, tuple(entities_asked))
            document = reconcile_shops(chosen, question, repair=repair, watch=watch)
        return document, document["exit_code"]

    carry_out(work, as_json, "show_reconcile")


@app.command()
def check(shops: ShopsFile = None, as_json: AsJson = False, shop: SomeShops = None) -> None:
    """Can every shop be synced? Checks configuration, credentials, user rights, token and stores; writes nothing."""

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = chosen_shops(shops, shop)
        from connector.check import check_shop
        from connector.outcome import exit_code

        found = each_shop(chosen, check_shop)
        code = exit_code([each.pop("status") for each in found])
        return {"ok": code == 0, "exit_code": code, "shops": found}, code

    carry_out(work, as_json, "show_check")


@app.command()
def status(shops: ShopsFile = None, as_json: AsJson = False, shop: SomeShops = None) -> None:
    """Where every shop stands: last run, delivered, refused, waiting, quota. Makes no call."""

    def work() -> tuple[dict[str, Any], int]:
        file, chosen = chosen_shops(shops, shop)
        from connector.status import status_of_installations, status_of_shop

        found = {"shops": each_shop(chosen, status_of_shop), "installations": status_of_installations(file)}
        return {"ok": True, "exit_code": 0, **found}, 0

    carry_out(work, as_json, "show_status")


app.add_typer(refused_app, name="refused")
app.command("erase")(erase)
app.command("receive")(receive)
app.add_typer(webhooks_app, name="webhooks")
app.command("demo")(demo)
app.command("sandbox")(sandbox)


def main() -> None:
    """The entry point of the `connector` command."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for each in (signal.SIGINT, signal.SIGTERM):  # a service that is stopped ends as on Ctrl-C
        signal.signal(each, _stop)
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:  # an unknown command or option, a missing or impossible value
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "connector"
        if error.format_message():  # else the help was shown, because nothing was asked
            tell_mistakes([{"where": where, "message": error.format_message()}], "--json" in sys.argv)
        code = WRONG
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        _tell_stopped("--json" in sys.argv)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _stop(number: int, frame: FrameType | None) -> None:
    """Ends the command as Ctrl-C does; where a thread of it waits for a silent server, without waiting for that thread."""
    timer = threading.Timer(_TO_END, _end_at_last)
    timer.daemon = True
    timer.start()
    raise KeyboardInterrupt


def _end_at_last() -> None:
    _tell_stopped("--json" in sys.argv)
    sys.stdout.flush()
    os._exit(1)


def _tell_stopped(as_json: bool) -> None:
    """Says once how far it came."""
    from connector import console

    if not _telling.acquire(blocking=False):
        return
    told = "Stopped from outside. What was delivered is in the ledger; the next run goes on from there."
    print(told, file=sys.stderr)  # noqa: T201
    if as_json:
        console.print_json({"ok": False, "exit_code": 1, "errors": [{"where": "connector", "message": told}]})


def _days(shops: list[Shop], first: str | None, last: str | None) -> tuple[date | None, date | None]:
    earliest, latest = _day("--from", first), _day("--to", last)
    if earliest and latest and latest < earliest:
        raise Mistakes({"where": "--to", "message": f"{latest} is before --from {earliest}"})
    if earliest and earliest > (datetime.now(UTC) + timedelta(hours=14)).date():  # where a day begins first
        raise Mistakes({"where": "--from", "message": f"{earliest} has not begun yet"})
    late = [shop for shop in shops if latest and not earliest and shop.first_day and latest < shop.first_day]
    if late:
        starts = ", ".join(f"{shop.first_day} of shop {shop.key}" for shop in late)
        message = f"{latest} is before the first day ({starts}); give --from too to sync earlier days"
        raise Mistakes({"where": "--to", "message": message})
    return earliest, latest


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise Mistakes({"where": option, "message": f"{text!r} is not a day: write YYYY-MM-DD"}) from None
