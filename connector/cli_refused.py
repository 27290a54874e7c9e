"""`connector refused`: the options, the output and the exit code of its commands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from connector.cli_frame import (
    AsJson,
    Mistakes,
    ShopsFile,
    SomeShops,
    carry_out,
    checked_entities,
    chosen_shops,
    each_shop,
)
from connector.config import Shop
from connector.delivery import entities
from connector.state.errors import StateError

refused_app = typer.Typer(
    help="The records that ShopiMind, or the connector's own checks, will not take.", no_args_is_help=True
)

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
        _, chosen = chosen_shops(shops, shop)
        filters = _refused_filters(chosen, entity, reason, store, None, older_than, newer_than)
        found = each_shop(chosen, lambda run: [{"shop": run.shop.key, **row} for row in run.refused.all(filters)])
        rows = [_refused_row(row) for of_shop in found for row in of_shop]
        return {"ok": True, "exit_code": 0, "refused": rows}, 0

    carry_out(work, as_json, "show_refused")


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
        _, chosen = chosen_shops(shops, shop)
        filters = _refused_filters(chosen, entity, reason, store, external_ids, older_than, newer_than)
        found = [row for of_shop in each_shop(chosen, lambda run: _opened(run, filters, unmasked)) for row in of_shop]
        if not found:
            raise _nothing_refused(external_ids)
        code = 1 if any("problem" in row for row in found) else 0
        return {"ok": code == 0, "exit_code": code, "refused": found}, code

    carry_out(work, as_json, None)


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
        _, chosen = chosen_shops(shops, shop)
        filters = _refused_filters(chosen, entity, reason, store, external_ids, older_than, newer_than)
        from connector import console
        from connector.replay import NothingChosen, replay_shops

        try:
            with console.progress([each.key for each in chosen]) as watch:
                document = replay_shops(chosen, filters, watch)
        except NothingChosen:
            raise _nothing_refused(external_ids) from None
        return document, document["exit_code"]

    carry_out(work, as_json, "show_replay")


def _refused_filters(
    shops: list[Shop],
    entity: str | None,
    reason: str | None,
    store: int | None,
    external_ids: list[str] | None,
    older_than: float | None,
    newer_than: float | None,
) -> Any:
    from connector.delivery.refused import Filters

    if entity is not None:
        checked_entities([entity], [shop for shop in shops if entity in entities.names_of(shop)] or shops, "--entity")
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
