"""Rows of any kind -> custom data records, as a shop's declaration says, and the definition that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connector.config import CustomData, CustomField
from connector.config_custom_data import SOURCE_FIELD, SYSTEM
from connector.config_expressions import Column, Expression, ValueType, columns_of
from connector.mapping.context import ShopContext
from connector.mapping.custom_values import Value, Where, value_of
from connector.mapping.identifiers import Places
from connector.mapping.outcomes import Refusal, Refused, refusal, unreadable_row
from connector.mapping.records import Records, digest_bytes

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """Another definition that records relate to: its id, and its field by which its records are found."""

    id: int
    key: str


def definition_of(declared: CustomData, targets: Mapping[str, Target]) -> dict[str, Any]:
    """The definition as ShopiMind takes it. `targets` has the other definitions that it relates to, by name."""
    fields = [
        {"name": each.name, "label": each.label, "type": each.type, "required": each.required}
        | ({"options": list(each.options)} if each.options else {})
        for each in declared.fields
    ]
    source = {"name": SOURCE_FIELD, "label": "Data source", "type": "number", "required": True}
    return {
        "name": declared.name,
        "description": declared.description,
        "unique_keys": list(declared.unique_keys),
        "fields": [*fields, source],
        "relationships": [_relation(each, targets) for each in declared.fields if each.relates_to],
    }


def _relation(field: CustomField, targets: Mapping[str, Target]) -> dict[str, str]:
    relation = {"sourceField": field.name, "targetSchemaType": "system", "targetSchema": field.relates_to or ""}
    if relation["targetSchema"] in SYSTEM:
        return relation
    target = targets[relation["targetSchema"]]
    return {**relation, "targetSchemaType": "custom", "targetSchema": str(target.id), "targetField": target.key}


def map_custom_data(ctx: ShopContext, declared: CustomData, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables of the declaration's row kind, with the columns `source_store_id` and `problems` -> `RECORDS`, one per row.

    The external id is made of the unique keys. Of rows with the same one the first is sent, the others are refused.
    """
    mapping = _CustomMapping(ctx, declared)
    for table in tables:
        yield mapping.records_of(table)


class _CustomMapping:
    def __init__(self, ctx: ShopContext, declared: CustomData) -> None:
        self.ctx, self.declared = ctx, declared
        self.expressions = declared.expressions()
        self.filled_by = {
            column: name for name, each in reversed(self.expressions.items()) for column in sorted(columns_of(each))
        }
        self.places = Places(declared.row_kind.key)
        self.seen: set[str] = set()

    def records_of(self, table: pa.Table) -> pa.Table:
        records = Records()
        for row in table.to_pylist():
            name = None
            try:
                values = self._values(row)
                name = self._external_id(values)
                self._check_source(row)
                payload = {key: _sendable(value) for key, value in values.items() if value is not None}
            except Refused as refused:
                self._refuse(records, name, refused, row)
            else:
                self.seen.add(name)
                records.send(name, payload, source_store_id=row["source_store_id"])
        return records.table()

    def _values(self, row: Row) -> dict[str, Value]:
        if row["problems"] is not None:
            first = next(iter(self.expressions))
            raise unreadable_row(row["problems"], {"": first} | self.filled_by)
        values = {}
        for field in self.declared.fields:
            value = value_of(self.expressions[field.name], Where(self.ctx, row, field.name))
            if value is None and (field.required or field.name in self.declared.unique_keys):
                raise refusal(field.name, Refusal.NO_VALUE)
            if field.options and value is not None and value not in field.options:
                raise refusal(field.name, Refusal.BAD_OPTION)
            values[field.name] = value
        return values

    def _external_id(self, values: Mapping[str, Value]) -> str:
        """Ids as they are, joined; whatever else a key holds only as a digest, because ids are seen everywhere."""
        keys = self.declared.unique_keys
        name = "/".join(_key_text(self.expressions[key], values[key]) for key in keys)
        if name in self.seen:
            raise refusal(keys[0], Refusal.SAME_KEY)
        return name

    def _check_source(self, row: Row) -> None:
        store_id = row["source_store_id"]
        unknown = store_id is not None and self.ctx.store(store_id) is None
        if unknown or (store_id is None and self.declared.tagged_by == "store"):
            raise refusal(SOURCE_FIELD, Refusal.UNKNOWN_STORE, store_id)

    def _refuse(self, records: Records, name: str | None, refused: Refused, row: dict[str, Any]) -> None:
        if name is None:
            name = self.places.name(row[self.declared.row_kind.key], row)
        self.seen.add(name)
        records.refuse(name, refused.field, refused.reason, row)


def _key_text(expression: Expression, value: Value) -> str:
    if isinstance(value, dict):
        return value["value"]
    if isinstance(value, int) and (expression.type is ValueType.PRODUCT or isinstance(expression, Column)):
        return str(value)
    return digest_bytes(str(value).encode()).hex()


def _sendable(value: Value) -> Any:
    return float(value) if isinstance(value, Decimal) else value
