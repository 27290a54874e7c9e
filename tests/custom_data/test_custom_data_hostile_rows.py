"""Whatever the till's rows hold, nothing raises and nothing vanishes: every row has one record that delivery can work with."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config_custom_data import CustomData
from connector.config_expressions import FUNCTIONS, NotAnExpression, ValueType, parse
from connector.config_rows import ROW_KINDS
from connector.mapping.custom_data import map_custom_data
from connector.mapping.outcomes import Refusal
from connector.mapping.records import RECORDS
from connector.sandbox.crm_checks import field_errors
from connector.sandbox.crm_custom_data import record_fields
from tests.custom_data.declarations import SHELF, TICKET, VIP, field
from tests.mapping.till_examples import shop

ODD = ["", "12", "1e5", "NaN", "-3.5", "0000-00-00", "2024-02-30", "2024-06-05 11:22:33", "FR", "\x00\ud7ff"]
TEXTS = st.none() | st.sampled_from(ODD) | st.text(max_size=12)
OF_TYPE = {
    ValueType.TEXT: (pa.string(), TEXTS),
    ValueType.WHOLE: (pa.int64(), st.none() | st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)),
    ValueType.BOOL: (pa.bool_(), st.none() | st.booleans()),
    ValueType.DECIMAL: (pa.decimal128(18, 2), st.none() | st.decimals(Decimal(-(10**12)), Decimal(10**12), places=2)),
    ValueType.DATETIME: (pa.string(), st.none() | st.just("2024-06-05T11:22:33+02:00")),
}
EVERYTHING = {
    **VIP,
    "name": "everything",
    "fields": [
        *VIP["fields"],
        field("birthday", "date", "date(birth_date)"),
        field("seen", "datetime", "datetime(last_order_date)"),
        field("credit", "decimal", "decimal(store_credit)"),
        field("prepaid", "decimal", "money(prepaid_balance)"),
        field("number", "number", "offset(home_store_id)"),
        field("words", "longtext", "concat(upper(first_name), text(orders_count), store_name(home_store_id))"),
    ],
}


def hostile(declared: CustomData) -> st.SearchStrategy[pa.Table]:
    columns = {name: OF_TYPE[kind] for name, kind in declared.row_kind.columns.items()}
    columns |= {
        "problems": (pa.string(), st.none() | TEXTS),
        "source_store_id": (pa.int64(), st.sampled_from([None, 1, 3, 77])),
    }
    row = st.fixed_dictionaries({name: values for name, (_, values) in columns.items()})
    schema = pa.schema([pa.field(name, kind) for name, (kind, _) in columns.items()])
    return st.lists(row, max_size=5).map(lambda rows: pa.Table.from_pylist(rows, schema))


@pytest.mark.parametrize("declaration", [EVERYTHING, TICKET, SHELF], ids=lambda each: each["name"])
@settings(max_examples=150)
@given(st.data())
def test_every_row_has_one_record(declaration, data):
    declared = CustomData.model_validate(declaration)
    table = data.draw(hostile(declared))
    (records,) = map_custom_data(shop(), declared, [table])
    assert records.schema == RECORDS
    assert records.num_rows == table.num_rows
    found = records.to_pylist()
    assert len({each["external_id"] for each in found}) == len(found)
    fields = [{"options": [], "required": False, **each} for each in declaration["fields"]]
    checks = record_fields({"fields": fields, "relationships": [{"sourceField": "contact_id"}]})
    for record in found:
        payload = orjson.loads(record["payload"])
        if record["outcome"] == "refused":
            assert record["reason"].startswith(tuple(each.value for each in Refusal))
            assert record["field"] in {each["name"] for each in declaration["fields"]} | {"id_data_source"}
        else:
            assert record["outcome"] == "send"
            assert not field_errors(payload, checks, unknown="refuse")


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arguments = st.lists(inner, max_size=3).map(", ".join)
    return st.tuples(st.sampled_from(sorted(FUNCTIONS)), arguments).map(lambda call: f"{call[0]}({call[1]})")


@settings(max_examples=300)
@given(st.text(max_size=40) | st.recursive(st.sampled_from(["email", "customer_id", "'x'", "1", "true"]), calls))
def test_any_text_is_an_expression_with_a_type_or_told_to_be_none(text):
    with suppress(NotAnExpression):
        assert parse(text, ROW_KINDS["customers"].columns).type in ValueType
