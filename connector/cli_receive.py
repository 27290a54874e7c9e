"""`connector receive`: the options and the output of the command."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from connector.cli_frame import HIGHEST_PORT, AsJson, Mistakes, ShopsFile, carry_out
from connector.config import find_shops_file
from connector.state.settings import check_settings


def receive(
    shops: ShopsFile = None,
    as_json: AsJson = False,
    host: Annotated[
        str, typer.Option(help="The address to listen at; 0.0.0.0 for all of this machine's.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=HIGHEST_PORT, help="The port; 0 takes a free one.")] = 8700,
) -> None:
    """Takes the webhooks of ShopiMind, and of tills, until Ctrl-C or SIGTERM.

    It verifies, stores and answers, and makes no sync. It speaks plain HTTP: put a proxy in front of it that ends TLS.
    """

    def ready(address: str) -> None:
        from connector import console

        if as_json:
            console.print_json({"receive": address})
            sys.stdout.flush()
        else:
            console.out.print(f"receiving at {address}; Ctrl-C stops")

    def work() -> tuple[dict[str, Any], int]:
        file = find_shops_file(shops)
        check_settings()
        from connector.receive.serve import serve

        try:
            serve(file.absolute(), host, port, ready)
        except OSError as error:
            raise Mistakes({"where": "--host / --port", "message": f"cannot listen: {error.strerror}"}) from None
        raise typer.Exit(0)  # what it had to say it said when it was ready

    carry_out(work, as_json, "nothing")
