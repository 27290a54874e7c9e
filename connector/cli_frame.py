"""What all commands have in common: which shops they are about, how a mistake is told, and JSON or tables with the exit code."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.config import ConfigError, Shop, find_shops_file, load_configuration
from connector.delivery import entities
from connector.shops import with_installed
from connector.state.errors import StateError, StateMistake
from connector.state.settings import check_settings

WRONG = 2  # exit code: the command or the configuration is wrong, nothing was done
HIGHEST_PORT = 65535

ShopsFile = Annotated[
    Path | None, typer.Option("--shops", help="The configuration; else $CONNECTOR_SHOPS, else ./shops.yaml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, and nothing else there.")]
SomeShops = Annotated[list[str] | None, typer.Option("--shop", help="Only this shop; may be given several times.")]


class Mistakes(Exception):
    """The command cannot be carried out as it was given. `errors` are dicts with `where` and `message`."""

    def __init__(self, *errors: dict[str, str]) -> None:
        super().__init__(errors)
        self.errors = list(errors)


def tell_mistakes(errors: list[dict[str, Any]], as_json: bool) -> None:
    from connector import console

    if as_json:
        console.print_json({"ok": False, "exit_code": WRONG, "errors": errors})
    else:
        console.complain(errors)


def carry_out(work: Callable[[], tuple[dict[str, Any], int]], as_json: bool, show: str | None) -> None:
    """Runs a command: its document as JSON or as tables, its exit code, and mistakes as exit code 2."""
    from connector import console

    try:
        document, code = work()
    except StateMistake as mistake:
        tell_mistakes([{"where": mistake.variable, "message": str(mistake)}], as_json)
        raise typer.Exit(WRONG) from None
    except (ConfigError, Mistakes) as mistake:
        if isinstance(mistake, ConfigError) and not as_json:
            console.err.print(str(mistake), markup=False, soft_wrap=True)  # with file and line
        else:
            tell_mistakes(_errors(mistake), as_json)
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


def chosen_shops(file: Path | None, keys: list[str] | None) -> tuple[Path, list[Shop]]:
    path = find_shops_file(file)
    configuration = load_configuration(path)
    check_settings()
    shops = with_installed(configuration, path)
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


def checked_entities(names: list[str] | None, shops: list[Shop], option: str = "--only") -> list[str]:
    """The names, each of which is an entity of every one of the shops."""
    errors = []
    for name in dict.fromkeys(names or ()):
        lacking = [shop for shop in shops if name not in entities.names_of(shop)]
        if not lacking:
            continue
        message = f"{name!r} is not an entity; there are: {', '.join(entities.names_of(lacking[0]))}"
        if len(lacking) < len(shops):
            keys = ", ".join(shop.key for shop in lacking)
            message = f"{name!r} is not among the custom_data of every shop (not of {keys}): choose with --shop"
        errors.append({"where": option, "message": message})
    if errors:
        raise Mistakes(*errors)
    return list(names or ())


def each_shop(shops: list[Shop], work: Callable[[Any], Any]) -> list[Any]:
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
