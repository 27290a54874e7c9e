"""What every sync run did: its outcome, and its counts per entity and store."""

from __future__ import annotations

import time
from typing import Any

import orjson
from sqlalchemy import Select, func, select, update

from connector.state.database import Database, upsert
from connector.state.tables import run_entities, runs


class RunLog:
    """The runs of every shop. One run of one shop is one line, with a line per entity and store below it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def start(self, run_id: str, shop: str, at: int) -> None:
        """A run begins, at epoch second `at`; it is the shop's last one from now on, even when the clock went back."""
        latest = select(func.max(runs.c.started_at)).where(runs.c.shop == shop, runs.c.run_id != run_id)
        with self._db.begin() as connection:
            started_at = max(at, (connection.execute(latest).scalar() or 0) + 1)
            row = {"run_id": run_id, "shop": shop, "started_at": started_at, "calls_till": 0, "calls_shopimind": 0}
            upsert(connection, runs, [row])

    def entity(
        self,
        run_id: str,
        shop: str,
        entity: str,
        store_id: int | None,
        id_data_source: int | None,
        counts: dict[str, Any],
    ) -> None:
        """The counts of one entity (of one store), in the place of those noted earlier in the same run."""
        row = {
            "run_id": run_id,
            "shop": shop,
            "entity": entity,
            "place": "" if store_id is None else str(store_id),
            "store_id": store_id,
            "id_data_source": id_data_source,
            "counts": orjson.dumps(counts).decode(),
        }
        with self._db.begin() as connection:
            upsert(connection, run_entities, [row])

    def finish(
        self,
        run_id: str,
        shop: str,
        status: str,
        message: str | None,
        calls_till: int,
        calls_shopimind: int,
        quota: dict[str, Any] | None,
        at: int | None = None,
    ) -> None:
        """A run ends, at epoch second `at` (default: now), with the shop's `status` as `sync --json` gives it."""
        values = {
            "finished_at": int(time.time()) if at is None else at,
            "status": status,
            "message": message,
            "calls_till": calls_till,
            "calls_shopimind": calls_shopimind,
            "quota": None if quota is None else orjson.dumps(quota).decode(),
        }
        with self._db.begin() as connection:
            connection.execute(update(runs).where(runs.c.run_id == run_id, runs.c.shop == shop).values(values))

    def entities(self, run_id: str, shop: str) -> list[dict[str, Any]]:
        """`entity`, `store_id`, `id_data_source` and `counts` of every line of the run, by entity, then by store."""
        table = run_entities
        query = select(table.c.entity, table.c.store_id, table.c.id_data_source, table.c.counts)
        query = query.where(table.c.run_id == run_id, table.c.shop == shop)
        with self._db.read() as connection:
            lines = [dict(row) for row in connection.execute(query).mappings()]
        lines.sort(key=lambda line: (line["entity"], line["store_id"] is not None, line["store_id"]))
        return [line | {"counts": orjson.loads(line["counts"])} for line in lines]

    def last_lines(self, shop: str) -> list[dict[str, Any]]:
        """As `entities`, but for every entity and store the line of the last run that had one, in no order."""
        table = run_entities
        latest = func.row_number().over(
            partition_by=(table.c.entity, table.c.place), order_by=(runs.c.started_at.desc(), runs.c.finished_at.desc())
        )
        columns = (table.c.entity, table.c.store_id, table.c.id_data_source, table.c.counts)
        of_run = (table.c.run_id == runs.c.run_id) & (table.c.shop == runs.c.shop)
        lines = select(*columns, latest.label("age")).join(runs, of_run).where(table.c.shop == shop).subquery()
        with self._db.read() as connection:
            rows = connection.execute(select(lines).where(lines.c.age == 1)).mappings().all()
        return [dict(row) | {"counts": orjson.loads(row["counts"])} for row in rows]

    def run(self, run_id: str, shop: str) -> dict[str, Any] | None:
        """One run over one shop, with the columns of `runs` (`quota` decoded)."""
        return self._one(select(runs).where(runs.c.run_id == run_id, runs.c.shop == shop))

    def last_run(self, shop: str) -> dict[str, Any] | None:
        """The run that started last, with the columns of `runs` (`quota` decoded). One under way has no `status`."""
        return self._one(select(runs).where(runs.c.shop == shop).order_by(runs.c.started_at.desc()).limit(1))

    def _one(self, query: Select[Any]) -> dict[str, Any] | None:
        with self._db.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        return dict(row) | {"quota": None if row["quota"] is None else orjson.loads(row["quota"])}
