"""The command `connector erase`: its options, output and exit code."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from connector.cli_frame import AsJson, ShopsFile, carry_out, chosen_shops

OneShop = Annotated[str, typer.Option("--shop", help="The shop whose customer it is.")]
Customer = Annotated[int, typer.Option("--customer", min=1, max=99_999_999, help="The customer's number in the till.")]


def erase(shop: OneShop, customer: Customer, shops: ShopsFile = None, as_json: AsJson = False) -> None:
    """Removes a customer from ShopiMind and from here, for good, and prints a receipt that does not name him.

    His orders are deleted in ShopiMind; his sales count as anonymous from then on. Nothing is removed here before
    ShopiMind has confirmed. Done again, it finishes what was stopped. The till is not asked and not changed.
    """

    def work() -> tuple[dict[str, Any], int]:
        _, chosen = chosen_shops(shops, [shop])
        from connector.erasure import erase_customer

        receipt = erase_customer(chosen[0], customer)
        return receipt, receipt["exit_code"]

    carry_out(work, as_json, "show_receipt")
