"""One shop, compared in three places: the till's own totals, what was read and noted here, and ShopiMind's lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery import entities
from connector.delivery.agreement import compared, doubtful, fields_that_differ, in_doubt
from connector.delivery.entities import ORDERS, Entity
from connector.delivery.held import HELD, held_by_crm
from connector.delivery.provisioned import known_sources
from connector.due_days import over, today
from connector.mapping.identifiers import owns
from connector.pos.protocol import PosError, PosUnavailable, QuotaReached
from connector.reading_passes import waits_for_its_turn
from connector.reading_sales import amount_of
from connector.reconciliation_lines import Line, money, plain_line
from connector.reconciliation_lists import Lists
from connector.reconciliation_result import Reconciliation, Window, usual_window
from connector.reconciliation_source import (
    DayRead,
    Place,
    TillTotals,
    sales_by_day,
    sales_with_reasons,
    wanted_orders,
)
from connector.shop_definitions import wanted_definition
from connector.shop_run import NotActivated, ShopRun
from connector.shopimind.envelope import InstallationInactive, ShopiMindError
from connector.shopimind.planning import is_active, plan_definition, source_id
from connector.shopimind.provisioning import read_definitions, read_sources
from connector.state.lake import LakeMissing

VISIBLE_WITHIN = 20.0  # seconds; ShopiMind shows what it accepted a little later
_LOOK_AGAIN = 0.5  # seconds between two looks


def reconcile_shop(
    run: ShopRun, first: date | None = None, last: date | None = None, only: Collection[str] = ()
) -> Reconciliation:
    """Compares, and writes nothing anywhere. Never raises for what the till or ShopiMind answers: `status` says it."""
    found = Reconciliation(run)
    if (deferred := run.deferred) is not None:
        run.stop_reasons["inactive"] = deferred
        return found
    try:
        found.window = _window(run, first, last)
        sources = known_sources(run.state.db, run.shop.key)
        if not sources:
            raise LakeMissing("No data source of it is known.")
    except LakeMissing as missing:
        run.problems.append(f"{missing} Nothing was compared: run `connector sync` for shop {run.shop.key} first.")
        return found
    look = _Look(run, found, sources, set(only or entities.names_of(run.shop)))
    try:
        look.at_shopimind()
        look.at_the_till()
        look.compare()
    except NotActivated as error:
        run.stop_reasons["inactive"] = str(error)
    except InstallationInactive as error:
        run.stop_reasons["inactive"] = (
            f"{error}. The installation is not active, so nothing was compared: activate the integration in ShopiMind, "
            f"or put its new token in shop {run.shop.key}."
        )
    return found


def _window(run: ShopRun, first: date | None, last: date | None) -> Window:
    usual = usual_window(run)
    if first is None and last is None:
        return usual
    latest = usual.last + timedelta(days=1)  # today: the ledger is compared, the till is not, its day is not over
    end = min(last or latest, latest)
    return Window(min(first or run.first_day, end), end, alone=True)


@dataclass
class _Look:
    """One look at all three places. What could not be read is told among the run's problems, and is not compared."""

    run: ShopRun
    found: Reconciliation
    sources: Mapping[int | None, int]
    only: set[str]
    held: dict[Entity, pa.Table] = field(default_factory=dict)
    till: TillTotals = field(default_factory=TillTotals)
    results: dict[Entity, pa.Table] = field(default_factory=dict)  # COMPARED, by entity

    @cached_property
    def lists(self) -> Lists:
        return Lists(self.run)

    @cached_property
    def sales(self) -> pa.Table:
        return sales_with_reasons(self.run)

    @property
    def window(self) -> Window:
        assert self.found.window is not None
        return self.found.window

    # --- reading

    def at_shopimind(self) -> None:
        """Its lists, before anything else: its 401 saves the till's calls. Raises `InstallationInactive`."""
        if entities.DATA_SOURCES in self.only:
            self._sources()
        for entity in entities.of_shop(self.run.shop):
            if entity.name in self.only and entity not in entities.NOT_LISTED:
                self._read(entity)

    def at_the_till(self) -> None:
        """Its totals, as long as calls are left that no daily sync needs."""
        problems = self.run.problems
        for ask in self._questions():
            try:
                with self.run.calls.for_history():
                    ask()
            except QuotaReached as stop:
                self.run.stop_reasons["quota"] = str(stop)
                return
            except PosError as error:
                if (told := f"The till's totals could not be read: {error}") not in problems:
                    problems.append(told)
                if isinstance(error, PosUnavailable):
                    return

    def _questions(self) -> Iterator[Callable[[], None]]:
        """The calls to the till, one each. A list that has waited for its turn may differ from it without a fault."""
        if "customers" in self.only and not waits_for_its_turn(self.run, "customers"):
            yield lambda: self.till.rows.update(customers=self.run.till.customers_total())
        if "products" in self.only and not waits_for_its_turn(self.run, "products"):
            yield lambda: self.till.rows.update(products=self.run.till.products_total())
        for store in self.run.ctx.stores if ORDERS.name in self.only else ():
            end = min(self.window.last, today(self.run.ctx, store.store_id, self.run.started) - timedelta(days=1))
            for year, month in _months(self.window.first, end):
                yield partial(self._turnover, store.store_id, year, month)

    def _read(self, entity: Entity) -> None:
        identifiers = self.run.shop.identifiers
        rows = 0

        def progress(more: int) -> None:
            nonlocal rows
            rows += more
            self.run.progress(f"ShopiMind's {entity.name}", rows, None)

        try:
            self.held[entity] = held_by_crm(
                self.run.crm,
                entity,
                self.sources.values(),
                partial(owns, identifiers),
                self._definition(entity) if entity.definition is not None else None,
                in_flight=self.run.shop.shopimind.requests_in_flight,
                progress=progress,
            )
        except InstallationInactive:
            raise
        except ShopiMindError as error:
            self.held.pop(entity, None)
            self.run.problems.append(f"{entity.name} were not compared: {error}")

    def _definition(self, entity: Entity) -> int | None:
        """The definition that a sync would deliver an entity's records into; None when it would make one."""
        action = plan_definition(read_definitions(self.run.crm), wanted_definition(self.run.shop, entity, {}))
        if action.reason is not None:
            self.found.closed[entity] = action.reason
        return action.id

    def _turnover(self, store_id: int, year: int, month: int) -> None:
        for row in self.run.till.turnover(store_id, year, month).to_pylist():
            amount = amount_of(row["total"])
            self.till.days[store_id, row["day"]] = (row["sales"], None if amount is None else int(amount * 100))
        self.till.months.add((store_id, f"{year}-{month:02}"))

    # --- comparing

    def compare(self) -> None:
        """Every entity that could be read. What was delivered a moment ago is looked for again before it is missing."""
        deadline = time.monotonic() + VISIBLE_WITHIN
        waiting = list(self.held)
        while waiting:
            for entity in waiting:
                self.results[entity] = self._compared(entity)
            waiting = [entity for entity in waiting if self._is_fresh(entity)]
            if not waiting or time.monotonic() > deadline:
                break
            time.sleep(_LOOK_AGAIN)
            for entity in waiting:
                self._read(entity)
            waiting = [entity for entity in waiting if entity in self.held]
        for entity in self.held:
            self._tell(entity)

    def _compared(self, entity: Entity) -> pa.Table:
        noted = self.run.ledger.records(entity.name)
        if entity is ORDERS:
            stores = {source: store_id for store_id, source in self.sources.items()}
            wanted = wanted_orders(self.sales, self.sources)
            day_of = partial(_local_day, self.run)
            found = compared(wanted, noted, self.held[entity], whole=True, store_of_source=stores.get, day_of=day_of)
            return found.filter(self._in_window(found)) if self.window.alone else found
        wanted = self.lists.wanted(entity, noted)
        held = _as_held(noted) if entity.definition is not None else self.held[entity]
        return compared(wanted, noted, held, whole=False)

    def _in_window(self, table: pa.Table) -> pa.ChunkedArray:
        day, window = table["day"], self.window
        inside = pc.and_(pc.greater_equal(day, window.first.isoformat()), pc.less_equal(day, window.last.isoformat()))
        return pc.fill_null(inside, False)

    def _is_fresh(self, entity: Entity) -> bool:
        """Whether something that does not agree was delivered so lately that ShopiMind may not show it yet."""
        table = self.results[entity]
        if entity.definition is None:
            table = in_doubt(table)
        elif self._counts_agree(entity):
            return False
        latest = pc.max(table["delivered_at"]).as_py()
        return latest is not None and latest > self.run.clock() - VISIBLE_WITHIN

    def _counts_agree(self, entity: Entity) -> bool:
        """Whether ShopiMind lists as many records of custom data under every source as the ledger has."""
        held = self.held[entity]["source"].value_counts().to_pylist()
        noted = self.run.ledger.records(entity.name)["source"].value_counts().to_pylist()
        ours = set(self.sources.values())
        return {e["values"]: e["counts"] for e in held if e["values"] in ours} == {
            e["values"]: e["counts"] for e in noted
        }

    # --- telling

    def _tell(self, entity: Entity) -> None:
        table = self.results[entity]
        for row in in_doubt(table).sort_by("external_id").to_pylist():
            place = {"entity": entity.name, "store_id": row["store_id"], "day": row["day"]}
            finding = {**place, "external_id": row["external_id"]}
            if row["extra"]:
                self.found.extra.append(finding)
            elif row["missing_from"]:
                self.found.missing.append({**finding, "missing_from": row["missing_from"]})
            else:
                self.found.different.append({**finding, "fields": fields_that_differ(row)})
        self.found.lines += self._lines_of_orders(table) if entity is ORDERS else [self._line_of(entity, table)]

    def _line_of(self, entity: Entity, table: pa.Table) -> Line:
        """Of an entity without days."""
        read = self.lists.read(entity)
        till_rows = self.till.rows.get(entity.name)
        agrees = not bool(pc.any(doubtful(table)).as_py())
        held = _count(table["held"])
        if entity.definition is not None:
            counts_agree = self._counts_agree(entity)
            if not counts_agree:
                self.found.uncounted.add(entity)
            held, agrees = self.held[entity].num_rows, agrees and counts_agree
        till: dict[str, Any] | None = None
        if till_rows is not None and read is not None:
            till = {"records": till_rows, "agrees": till_rows == read["records"]}
            agrees = agrees and till["agrees"]
        line = plain_line(entity.name, _count(table["wanted"]), _count(table["noted"]), held, agrees=agrees)
        return {**line, "till": till, "read": read}

    def _lines_of_orders(self, table: pa.Table) -> list[Line]:
        """A line per store and day that has anything, and one per store for the orders of other days."""
        read = sales_by_day(self.run, self.sales.filter(self._in_window(self.sales)))
        places = _sums(table, self._in_window(table))
        for store in self.run.ctx.stores:  # days of which only the till knows
            for store_id, day in self.till.days:
                if store_id == store.store_id and self.window.has(day) and self.till.of(store_id, day) != (0, 0):
                    places.setdefault((store_id, day), _nothing())
            places.setdefault((store.store_id, None), _nothing())
        for place in read:
            if self.window.has(place[1]):
                places.setdefault(place, _nothing())
        if self.window.alone:
            places = {place: sums for place, sums in places.items() if place[1] is not None or sums["doubtful"]}
        ordered = sorted(places, key=lambda place: (place[0] is None, place[0], place[1] is None, place[1]))
        return [self._line_of_orders(place, places[place], read.get(place)) for place in ordered]

    def _line_of_orders(self, place: Place, sums: dict[str, int], read: DayRead | None) -> Line:
        store_id, day = place
        till = None
        if day is not None:
            read = read or DayRead()
            told = self.till.of(store_id, day)
            if told is not None and store_id is not None and over(self.run.ctx, store_id, [day], self.run.started):
                till = read.against(*told)
        return {
            "entity": ORDERS.name,
            "store_id": store_id,
            "day": day,
            "till": till,
            "read": read.as_json() if read else None,
            "to_send": {"records": sums["wanted"], "amount": money(sums["wanted_cents"])},
            "ledger": {"records": sums["noted"], "amount": money(sums["noted_cents"])},
            "shopimind": {"records": sums["held"], "amount": money(sums["held_cents"])},
            "agrees": not sums["doubtful"] and (till is None or till["agrees"]),
        }

    def _sources(self) -> None:
        """The data sources of the parent and of every store that the till lists: still there, and active?"""
        try:
            listed = {source_id(row): row for row in read_sources(self.run.crm)}
        except InstallationInactive:
            raise
        except ShopiMindError as error:
            self.run.problems.append(f"{entities.DATA_SOURCES} were not compared: {error}")
            return
        name = entities.DATA_SOURCES
        stores = {None, *(store.store_id for store in self.run.ctx.stores)}
        judged = {store_id: source for store_id, source in self.sources.items() if store_id in stores}
        for store_id, source in judged.items():
            finding = {"entity": name, "store_id": store_id, "day": None, "external_id": str(source)}
            if source not in listed:
                self.found.missing.append({**finding, "missing_from": "shopimind"})
            elif not is_active(listed[source]):
                self.found.different.append({**finding, "fields": ["active"]})
        held = sum(source in listed for source in judged.values())
        agrees = not (self.found.missing or self.found.different)
        self.found.lines.append(plain_line(name, len(judged), len(judged), held, agrees=agrees))


def _sums(table: pa.Table, inside: pa.ChunkedArray) -> dict[Place, dict[str, int]]:
    """Records and cents of every store and day; orders of other days go under no day."""
    day = pc.if_else(inside, table["day"], pa.scalar(None, pa.string()))
    columns = {"store_id": table["store_id"], "day": day, "doubtful": pc.cast(doubtful(table), pa.int64())}
    for name in ("wanted", "noted", "held"):
        columns[name] = pc.cast(table[name], pa.int64())
        columns[f"{name}_cents"] = pc.if_else(table[name], pc.fill_null(table[f"{name}_cents"], 0), 0)
    names = [name for name in columns if name not in ("store_id", "day")]
    grouped = pa.table(columns).group_by(["store_id", "day"]).aggregate([(name, "sum") for name in names])
    return {(row["store_id"], row["day"]): {name: row[f"{name}_sum"] for name in names} for row in grouped.to_pylist()}


def _as_held(noted: pa.Table) -> pa.Table:
    """The ledger in place of a list that does not repeat our ids."""
    ids = {"external_id": noted["external_id"], "source": noted["source"]}
    return pa.table([ids.get(c.name, pa.nulls(noted.num_rows, c.type)) for c in HELD], schema=HELD)


def _nothing() -> dict[str, int]:
    return dict.fromkeys(["doubtful", *(f"{n}{c}" for n in ("wanted", "noted", "held") for c in ("", "_cents"))], 0)


def _local_day(run: ShopRun, moment: str, store_id: int | None) -> str | None:
    """The closing day of an order that only ShopiMind knows."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    zone = run.ctx.zone(store_id)
    return (at.astimezone(zone) if at.tzinfo else at).date().isoformat()


def _months(first: date, last: date) -> Iterator[tuple[int, int]]:
    """Every month that the days touch; none when `last` is before `first`."""
    at = first.replace(day=1)
    while at <= last:
        yield at.year, at.month
        at = (at + timedelta(days=31)).replace(day=1)


def _count(column: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.cast(column, pa.int64())).as_py() or 0)
