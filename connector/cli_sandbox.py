"""The commands `connector sandbox` and `connector demo`: both APIs played on this machine, and a first look at all of it."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli_frame import HIGHEST_PORT, AsJson, Mistakes, carry_out


def sandbox(
    shops: Annotated[Path, typer.Option("--shops", help="Where to write the configuration for it.")] = Path(
        "shops.yaml"
    ),
    as_json: AsJson = False,
    till_port: Annotated[
        int, typer.Option(min=0, max=HIGHEST_PORT, help="Where the till listens; 0 takes a free one.")
    ] = 8701,
    crm_port: Annotated[
        int, typer.Option(min=0, max=HIGHEST_PORT, help="Where ShopiMind listens; 0 takes a free one.")
    ] = 8702,
    latency: Annotated[float, typer.Option(help="Seconds before every answer.")] = 0.0,
    faults: Annotated[str, typer.Option(help="Chances per answer, for example 503=0.05,reset_after=0.02,seed=7.")] = "",
    dataset: Annotated[str, typer.Option(help="samples, or completejourney (the extra of that name).")] = "samples",
) -> None:
    """Plays both APIs on this machine until Ctrl-C, and writes a shops.yaml for them."""
    from connector import console
    from connector.sandbox.fault_plan import FaultPlan
    from connector.sandbox.serve import Sandbox, run_forever
    from connector.state.home import home, private_directory

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
        if not 0 <= latency < math.inf:
            raise Mistakes({"where": "--latency", "message": "must be a number of seconds, 0 or more"})
        if till_port == crm_port != 0:
            raise Mistakes({"where": "--crm-port", "message": "must be another port than that of --till-port"})
        options["accounts"] = _dataset(dataset)
        _check_can_be_written(shops)
        folder = private_directory(home() / "sandbox" / dataset)
        try:
            run_forever(folder, SAMPLES, shops_yaml=shops, on_ready=ready, **options)
        except OSError as error:
            raise Mistakes(
                {"where": "--till-port / --crm-port", "message": f"cannot listen: {error.strerror}"}
            ) from None
        raise typer.Exit(0)  # what it had to say it said when it was ready

    carry_out(work, as_json, "nothing")


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
            _check_can_be_written(shops)
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
            for command in ("status", "refused list"):
                line = f"  CONNECTOR_HOME={done.folder} {we} {command} --shops {done.shops_file}"
                console.out.print(line, soft_wrap=True)
        lines = {shop: summed(found["lines"]) for shop, found in done.reconciled.items()}
        return {**done.document, "ok": done.agrees, "exit_code": code, "reconciliation": lines}, code

    carry_out(work, as_json, None if as_json else "nothing")


def _check_can_be_written(file: Path) -> None:
    """The sandbox writes only where no file is, or an empty one, or its own of an earlier time. Makes the file's folder."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text("utf-8", "replace") if file.exists() else ""
        if not os.access(file if file.exists() else file.parent, os.W_OK):
            raise PermissionError(None, "no right to")
    except OSError as error:
        raise Mistakes({"where": "--shops", "message": f"{file} cannot be written: {error.strerror}"}) from None
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
