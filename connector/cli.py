"""The command line. What a command does is elsewhere; here are its options, its output and its exit code."""

from __future__ import annotations

import logging
import signal
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.config import ConfigError, Shop, find_shops_file, load_shops
from connector.delivery import entities
from connector.state.errors import StateError, StateMistake
from connector.state.settings import check_settings

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
refused_app = typer.Typer(
    help="The records that ShopiMind, or the connector's own checks, will not take.", no_args_is_help=True
)
app.add_typer(refused_app, name="refused")

WRONG = 2  # exit code: the command or the configuration is wrong, nothing was done
INTERRUPTED = 130  # what Typer makes of Ctrl-C

ShopsFile = Annotated[
    Path | None, typer.Option("--shops", help="The configuration; else $CONNECTOR_SHOPS, else ./shops.yaml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, and nothing else there.")]
SomeShops = Annotated[list[str] | None, typer.Option("--shop", help="Only this shop; may be given several times.")]
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
    list[str] | None, typer.Option("--only", help=f"Only this entity, may be repeated: {', '.join(entities.NAMES)}.")
]
Full = Annotated[bool, typer.Option("--full", help="Ignore the ledger: send again everything that is read.")]


class Mistakes(Exception):
    """The command cannot be carried out as it was given. `errors` are dicts with `where` and `message`."""

    def __init__(self, *errors: dict[str, str]) -> None:
        super().__init__(errors)
        self.errors = list(errors)


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
        file, chosen = _shops(shops, shop)
        days = _days(chosen, first, last)
        entities_asked = _entities(only)
        from connector import console

        requests = [SyncRequest(file, each.key, *days, tuple(entities_asked), full) for each in chosen]
        with console.progress([each.key for each in chosen]) as watch:
            document = run_all(requests, watch)
        return document, document["exit_code"]

    _carry_out(work, as_json, "show_sync")


@app.command()
def plan(
    shops: ShopsFile = None,
    as_json: AsJson = False,
    shop: SomeShops = None,
    first: FirstDay = None,
    last: LastDay = None,
    only: Only = None,
    full: Full = False,
) -> None:
    """Says what a sync would do, and the calls it needs.

    Writes nothing to ShopiMind. It reads the till as the sync would, so it spends as many of the month's calls.
    """

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = _shops(shops, shop)
        days = _days(chosen, first, last)
        entities_asked = _entities(only)
        from connector.plan import plan_shops

        document = plan_shops(chosen, *days, entities_asked, full)
        return document, document["exit_code"]

    _carry_out(work, as_json, "show_plan")


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
        file, chosen = _shops(shops, shop)
        days = _days(chosen, first, last)
        entities_asked = _entities(only)
        from connector import console
        from connector.reconcile import Question, reconcile_shops

        with console.progress([each.key for each in chosen]) as watch:
            question = Question(*days, tuple(entities_asked))
            document = reconcile_shops(chosen, question, repair=repair, shops_file=file, watch=watch)
        return document, document["exit_code"]

    _carry_out(work, as_json, "show_reconcile")


@app.command()
def check(shops: ShopsFile = None, as_json: AsJson = False, shop: SomeShops = None) -> None:
    """Can every shop be synced? Checks configuration, credentials, user rights, token and stores; writes nothing."""

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = _shops(shops, shop)
        from connector.check import check_shop
        from connector.outcome import exit_code

        found = _each(chosen, check_shop)
        code = exit_code([each.pop("status") for each in found])
        return {"ok": code == 0, "exit_code": code, "shops": found}, code

    _carry_out(work, as_json, "show_check")


@app.command()
def status(shops: ShopsFile = None, as_json: AsJson = False, shop: SomeShops = None) -> None:
    """Where every shop stands: last run, delivered, refused, waiting, quota. Makes no call."""

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = _shops(shops, shop)
        from connector.status import status_of_shop

        return {"ok": True, "exit_code": 0, "shops": _each(chosen, status_of_shop)}, 0

    _carry_out(work, as_json, "show_status")


OneStore = Annotated[int | None, typer.Option("--store", help="Only orders of this store.")]
OneEntity = Annotated[str | None, typer.Option(help="Only this entity.")]
Reason = Annotated[str | None, typer.Option(help="Only reasons (or fields) that contain this.")]
OlderThan = Annotated[
    float | None, typer.Option(min=0, metavar="DAYS", help="Only those first refused more than so many days ago.")
]
NewerThan = Annotated[
    float | None, typer.Option(min=0, metavar="DAYS", help="Only those first refused less than so many days ago.")
]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Records' ids, as `refused list` gives them; none: all.")
]


@refused_app.command("list")
def refused_list(
    shops: ShopsFile = None,
    as_json: AsJson = False,
    shop: SomeShops = None,
    store: OneStore = None,
    entity: OneEntity = None,
    reason: Reason = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
) -> None:
    """Lists the refused records, oldest first."""

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = _shops(shops, shop)
        filters = _refused_filters(entity, reason, store, None, older_than, newer_than)
        found = _each(chosen, lambda run: [{"shop": run.shop.key, **row} for row in run.refused.all(filters)])
        rows = [_refused_row(row) for of_shop in found for row in of_shop]
        return {"ok": True, "exit_code": 0, "refused": rows}, 0

    _carry_out(work, as_json, "show_refused")


@refused_app.command("show")
def refused_show(
    external_ids: Ids = None,
    shops: ShopsFile = None,
    as_json: AsJson = False,
    shop: SomeShops = None,
    store: OneStore = None,
    entity: OneEntity = None,
    reason: Reason = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show personal data as it is.")] = False,
) -> None:
    """Shows refused records as JSON, with their payloads; personal data is masked unless asked not to."""

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = _shops(shops, shop)
        filters = _refused_filters(entity, reason, store, external_ids, older_than, newer_than)
        found = [row for of_shop in _each(chosen, lambda run: _opened(run, filters, unmasked)) for row in of_shop]
        if not found:
            raise _nothing_refused(external_ids)
        code = 1 if any("problem" in row for row in found) else 0
        return {"ok": code == 0, "exit_code": code, "refused": found}, code

    _carry_out(work, as_json, None)


@refused_app.command("replay")
def refused_replay(
    external_ids: Ids = None,
    shops: ShopsFile = None,
    as_json: AsJson = False,
    shop: SomeShops = None,
    store: OneStore = None,
    entity: OneEntity = None,
    reason: Reason = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
) -> None:
    """Sends refused records to ShopiMind again, all of them or some, although nothing about them changed.

    Each goes out as it was last made; what is not accepted is tried again by the next sync, from the till's row of that
    time. Rows that the connector's own checks refused are left to that sync. Makes no call to the till.
    """

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = _shops(shops, shop)
        filters = _refused_filters(entity, reason, store, external_ids, older_than, newer_than)
        from connector import console
        from connector.replay import NothingChosen, replay_shops

        try:
            with console.progress([each.key for each in chosen]) as watch:
                document = replay_shops(chosen, filters, watch)
        except NothingChosen:
            raise _nothing_refused(external_ids) from None
        return document, document["exit_code"]

    _carry_out(work, as_json, "show_replay")


@app.command()
def sandbox(
    shops: Annotated[Path, typer.Option("--shops", help="Where to write the configuration for it.")] = Path(
        "shops.yaml"
    ),
    as_json: AsJson = False,
    till_port: Annotated[int, typer.Option(help="Where the till listens; 0 takes a free one.")] = 8701,
    crm_port: Annotated[int, typer.Option(help="Where ShopiMind listens; 0 takes a free one.")] = 8702,
    latency: Annotated[float, typer.Option(help="Seconds before every answer.")] = 0.0,
    faults: Annotated[str, typer.Option(help="Chances per answer, for example 503=0.05,reset_after=0.02,seed=7.")] = "",
    dataset: Annotated[str, typer.Option(help="samples, or completejourney (the extra of that name).")] = "samples",
) -> None:
    """Plays both APIs on this machine until Ctrl-C, and writes a shops.yaml for them."""
    from connector import console
    from connector.sandbox.fault_plan import FaultPlan
    from connector.sandbox.serve import Sandbox, run_forever
    from connector.state.home import home

    def ready(served: Sandbox) -> None:
        said = {"till": served.till_url, "shopimind": served.crm_url, "shops": str(shops.absolute())}
        if as_json:
            console.print_json(said)
            sys.stdout.flush()
        else:
            console.out.print(f"till: {said['till']}   ShopiMind: {said['shopimind']} (open it in a browser)")
            console.out.print(f"configuration: {said['shops']}; Ctrl-C stops")

    def work() -> tuple[dict[str, Any], int]:
        from connector.demo import SAMPLES

        options: dict[str, Any] = {"till_port": till_port, "crm_port": crm_port, "latency": latency}
        try:
            options["faults"] = FaultPlan.parse(faults) if faults else None
        except ValueError as error:
            raise Mistakes({"where": "--faults", "message": str(error)}) from None
        options["accounts"] = _dataset(dataset)
        _not_to_be_overwritten(shops)
        try:
            run_forever(home() / "sandbox" / dataset, SAMPLES, shops_yaml=shops, on_ready=ready, **options)
        except OSError as error:
            raise Mistakes(
                {"where": "--till-port / --crm-port", "message": f"cannot listen: {error.strerror}"}
            ) from None
        return {}, 0

    _carry_out(work, False, "nothing")


@app.command()
def demo(
    shops: Annotated[
        Path | None,
        typer.Option("--shops", help="Where to write its configuration; else in a folder of its own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delivers the sample shops into a fresh sandbox, and compares what was read, noted and held."""

    def work() -> tuple[dict[str, Any], int]:
        from connector import console
        from connector.demo import demonstrate
        from connector.reconciliation_lines import summed

        if shops is not None:
            _not_to_be_overwritten(shops)
        with console.progress(["maison-lea", "atelier-noa"]) as watch:
            done = demonstrate(watch, lambda text: console.err.print(text), shops)
        code = 0 if done.agrees else 1
        if not as_json:
            for report in done.document["shops"]:
                console.show_reconciliation(done.reconciled[report["shop"]])
                for message in filter(None, (report["message"], done.reconciled[report["shop"]]["message"])):
                    console.out.print(message, markup=False)
            said = "everything agrees" if done.agrees else "the counts do NOT agree"
            console.out.print(f"{said}; to look around (the sandbox is gone, its state is not):")
            we = sys.argv[0] if Path(sys.argv[0]).name == "connector" else "python -m connector"
            command = f"CONNECTOR_HOME={done.folder} {we} status --shops {done.shops_file}"
            console.out.print(f"  {command}", soft_wrap=True)
        lines = {shop: summed(found["lines"]) for shop, found in done.reconciled.items()}
        return {**done.document, "ok": done.agrees, "exit_code": code, "reconciliation": lines}, code

    _carry_out(work, as_json, None if as_json else "nothing")


def main() -> None:
    """The entry point of the `connector` command."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service that is stopped ends as on Ctrl-C
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:  # an unknown command or option, a missing or impossible value
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "connector"
        if error.format_message():  # else the help was shown, because nothing was asked
            _tell_mistakes([{"where": where, "message": error.format_message()}], "--json" in sys.argv)
        code = WRONG
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        _tell_stopped("--json" in sys.argv)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _tell_stopped(as_json: bool) -> None:
    from connector import console

    told = "Stopped from outside. What was delivered is in the ledger; the next run goes on from there."
    print(told, file=sys.stderr)  # noqa: T201
    if as_json:
        console.print_json({"ok": False, "exit_code": 1, "errors": [{"where": "connector", "message": told}]})


def _tell_mistakes(errors: list[dict[str, Any]], as_json: bool) -> None:
    from connector import console

    if as_json:
        console.print_json({"ok": False, "exit_code": WRONG, "errors": errors})
    else:
        console.complain(errors)


def _carry_out(work: Callable[[], tuple[dict[str, Any], int]], as_json: bool, show: str | None) -> None:
    """Runs a command: its document as JSON or as tables, its exit code, and mistakes as exit code 2."""
    from connector import console

    try:
        document, code = work()
    except StateMistake as mistake:
        _tell_mistakes([{"where": mistake.variable, "message": str(mistake)}], as_json)
        raise typer.Exit(WRONG) from None
    except (ConfigError, Mistakes) as mistake:
        if isinstance(mistake, ConfigError) and not as_json:
            console.err.print(str(mistake), markup=False, soft_wrap=True)  # with file and line
        else:
            _tell_mistakes(_errors(mistake), as_json)
        raise typer.Exit(WRONG) from None
    except Exception as error:
        if isinstance(error, typer.Exit | typer.Abort):
            raise
        if isinstance(error, StateError):
            told = {"where": "state", "message": str(error)}
        else:  # a mistake of ours: no traceback, which could show what it was working on
            told = {"where": "connector", "message": f"unexpected {type(error).__name__}: {error}"}
        document, code = {"ok": False, "exit_code": 1, "errors": [told]}, 1
        if not as_json:
            console.complain(document["errors"])
            raise typer.Exit(code) from None
    if as_json or show is None:
        console.print_json(document)
    elif show != "nothing":
        getattr(console, show)(document)
    raise typer.Exit(code)


def _errors(mistake: ConfigError | Mistakes) -> list[dict[str, Any]]:
    if isinstance(mistake, Mistakes):
        return list(mistake.errors)
    return [
        {"where": each.where, "message": each.message, **({"line": each.line} if each.line else {})}
        for each in mistake.mistakes
    ]


def _shops(file: Path | None, keys: list[str] | None) -> tuple[Path, list[Shop]]:
    path = find_shops_file(file)
    shops = load_shops(path)
    check_settings()
    known = [shop.key for shop in shops]
    unknown = [key for key in keys or () if key not in known]
    if unknown:
        raise Mistakes(
            *(
                {"where": "--shop", "message": f"no shop has the key {key!r}; there are: {', '.join(known)}"}
                for key in unknown
            )
        )
    return path.absolute(), [shop for shop in shops if not keys or shop.key in keys]


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


def _not_to_be_overwritten(file: Path) -> None:
    """The sandbox writes only where no file is, or an empty one, or its own of an earlier time."""
    text = file.read_text("utf-8", "replace") if file.exists() else ""
    if text and not text.startswith("# Written by the sandbox"):
        message = f"{file} was not written by the sandbox and is left alone; name another file"
        raise Mistakes({"where": "--shops", "message": message})


def _dataset(name: str) -> list[Any] | None:
    """The accounts to serve; None for the samples."""
    if name == "samples":
        return None
    if name != "completejourney":
        raise Mistakes({"where": "--dataset", "message": f"{name!r} is not one of: samples, completejourney"})
    try:
        from connector.sandbox.completejourney import load_completejourney

        return [load_completejourney()]
    except (ImportError, RuntimeError) as error:
        raise Mistakes({"where": "--dataset", "message": str(error)}) from None


def _entities(names: list[str] | None, option: str = "--only") -> list[str]:
    unknown = [name for name in names or () if name not in entities.NAMES]
    if unknown:
        raise Mistakes(
            *(
                {"where": option, "message": f"{name!r} is not an entity; there are: {', '.join(entities.NAMES)}"}
                for name in unknown
            )
        )
    return list(names or ())


def _each(shops: list[Shop], work: Callable[[Any], Any]) -> list[Any]:
    """`work` over a run of each shop, without a run's lease: for commands that send nothing."""
    from connector.shop_run import ShopRun, State

    state = State.open()
    try:
        found = []
        for shop in shops:
            run = ShopRun(shop, state, run_id=f"look-{uuid.uuid4().hex[:8]}")
            try:
                found.append(work(run))
            finally:
                run.close()
        return found
    finally:
        state.close()


def _refused_filters(
    entity: str | None,
    reason: str | None,
    store: int | None,
    external_ids: list[str] | None,
    older_than: float | None,
    newer_than: float | None,
) -> Any:
    from connector.delivery.refused import Filters

    if entity is not None:
        _entities([entity], "--entity")
    now = datetime.now(UTC).timestamp()
    before, after = (None if days is None else int(now - days * 86_400) for days in (older_than, newer_than))
    return Filters(entity, reason, store, frozenset(external_ids or ()), first_before=before, first_after=after)


def _opened(run: Any, filters: Any, unmasked: bool) -> list[dict[str, Any]]:
    """The shop's refused records with their payloads; `problem` says why one cannot be shown."""
    from connector.delivery.masking import masked_payload

    shown = []
    for row in run.refused.all(filters):
        found = {**_refused_row({"shop": run.shop.key, **row}), "payload": None}
        try:
            payload = run.refused.payload(row["entity"], row["external_id"])
        except StateError as error:
            found["problem"] = str(error)
        else:
            found["payload"] = payload if unmasked else masked_payload(payload)
        shown.append(found)
    return shown


def _nothing_refused(external_ids: list[str] | None) -> Mistakes:
    asked = f"has the id {' or '.join(map(repr, external_ids))}" if external_ids else "is what these options ask for"
    where = "external_id" if external_ids else "connector refused"
    return Mistakes({"where": where, "message": f"no refused record {asked}; `connector refused list` shows all"})


def _refused_row(row: dict[str, Any]) -> dict[str, Any]:
    def moment(at: int) -> str:
        return datetime.fromtimestamp(at, UTC).isoformat()

    return {
        **{name: row[name] for name in ("shop", "entity", "external_id", "store_id", "field", "reason")},
        "first_at": moment(row["first_at"]),
        "last_at": moment(row["last_at"]),
        "tries": row["tries"],
        "by": row["by"],
    }
