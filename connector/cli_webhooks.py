"""The command group `connector webhooks`: what a till pushes by itself, and where to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from connector.cli_frame import AsJson, Mistakes, ShopsFile, SomeShops, carry_out, chosen_shops, each_shop
from connector.config import HiboutikAccount, Shop

webhooks_app = typer.Typer(
    name="webhooks",
    help="What a till pushes to connector receive: the only thing that is ever written to a till.",
    no_args_is_help=True,
)

Base = Annotated[
    str, typer.Option("--url", help="Where connector receive is reached from outside, like https://connector.example.")
]
PerStore = Annotated[
    bool, typer.Option("--per-store", help="One webhook for each store, where the till takes none for all of them.")
]


@webhooks_app.command()
def register(
    base: Base, shops: ShopsFile = None, as_json: AsJson = False, shop: SomeShops = None, per_store: PerStore = False
) -> None:
    """Has the till of every shop with a pos.webhook_secret push its closed sales. Done twice, it changes nothing."""

    def work() -> tuple[dict[str, Any], int]:
        from connector.webhooks import register_webhooks

        address = _checked(base)
        return _over(
            _with_secret(_that_push(chosen_shops(shops, shop)[1], named=bool(shop)), named=bool(shop)),
            lambda run: register_webhooks(run, address, per_store=per_store),
        )

    carry_out(work, as_json, "show_webhooks")


@webhooks_app.command(name="list")
def list_(shops: ShopsFile = None, as_json: AsJson = False, shop: SomeShops = None) -> None:
    """The webhooks of every shop's till, and which of them are the connector's."""

    def work() -> tuple[dict[str, Any], int]:
        from connector.webhooks import list_webhooks

        return _over(_that_push(chosen_shops(shops, shop)[1], named=bool(shop)), list_webhooks)

    carry_out(work, as_json, "show_webhooks")


@webhooks_app.command()
def remove(shops: ShopsFile = None, as_json: AsJson = False, shop: SomeShops = None) -> None:
    """Takes the connector's webhooks from the tills; those of others stay."""

    def work() -> tuple[dict[str, Any], int]:
        from connector.webhooks import remove_webhooks

        return _over(_that_push(chosen_shops(shops, shop)[1], named=bool(shop)), remove_webhooks)

    carry_out(work, as_json, "show_webhooks")


def _over(shops: list[Shop], work: Callable[[Any], dict[str, Any]]) -> tuple[dict[str, Any], int]:
    from connector.outcome import exit_code

    found = each_shop(shops, work)
    code = exit_code([each["status"] for each in found])
    return {"ok": code == 0, "exit_code": code, "shops": found}, code


def _checked(base: str) -> str:
    from connector.config_values import check_address

    try:
        return check_address(base)
    except ValueError as error:
        raise Mistakes({"where": "--url", "message": str(error)}) from None


def _that_push(shops: list[Shop], *, named: bool) -> list[Shop]:
    """The shops whose till can push; one that was asked for by name has to."""
    silent = [shop.key for shop in shops if not isinstance(shop.pos, HiboutikAccount)]
    if silent and (named or len(silent) == len(shops)):
        told = "is fed by files, which push nothing"
        raise Mistakes(*({"where": "--shop", "message": f"shop {key} {told}"} for key in silent))
    return [shop for shop in shops if shop.key not in silent]


def _with_secret(shops: list[Shop], *, named: bool) -> list[Shop]:
    """The shops that can be pushed to; one that was asked for by name has to be."""
    without = [shop.key for shop in shops if shop.pos.webhook_secret is None]
    if without and (named or len(without) == len(shops)):
        told = (
            "has no pos.webhook_secret: give it one in shops.yaml, so that nobody else can push to it (installed shops "
            "have one with webhook_secret: generate under receive.installed_shops.pos, once connector receive was started anew)"
        )
        raise Mistakes(*({"where": "--shop", "message": f"shop {key} {told}"} for key in without))
    return [shop for shop in shops if shop.pos.webhook_secret is not None]
