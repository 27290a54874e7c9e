"""`custom_data:` of a shop: what a declaration is, and whether the declarations fit their rows and each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from connector.config_built_ins import BUILT_INS
from connector.config_document import Document, Path
from connector.config_expressions import Expression, NotAnExpression, ValueType, parse
from connector.config_rows import ROW_KINDS, RowKind
from connector.config_values import Strict

SOURCE_FIELD = "id_data_source"  # every record has it, and no declaration
PROFILE = "pos_profile"  # the definition that every shop has
SYSTEM = ("contacts", "products")

# What a definition may not be called, because an asset, a file or an entity of every shop is called so.
_TAKEN = frozenset(
    {"data_sources", "order_statuses", "categories", "manufacturers", "customers", "products", "orders"}
    | {"reconciliation", "addresses", "customer_groups", "newsletter_subscribers", "variations", "images"}
)

# What each type of field takes.
_FITTING: Mapping[str, frozenset[ValueType]] = {
    "bool": frozenset({ValueType.BOOL}),
    "text": frozenset({ValueType.TEXT}),
    "longtext": frozenset({ValueType.TEXT}),
    "list": frozenset({ValueType.TEXT}),
    "number": frozenset({ValueType.WHOLE, ValueType.CONTACT, ValueType.PRODUCT}),
    "decimal": frozenset({ValueType.DECIMAL, ValueType.WHOLE}),
    "date": frozenset({ValueType.DATE}),
    "datetime": frozenset({ValueType.DATETIME}),
}
_RELATED = {"contacts": ValueType.CONTACT, "products": ValueType.PRODUCT}


def _check_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", value):
        raise ValueError("must be 1 to 40 letters without accents, digits or '_', and start with a letter")
    return str(value)


def _check_text(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("must be one line of text")
    return value.strip()


def _declared(value: Any) -> Any:
    """A built-in one by its name."""
    if not isinstance(value, str):
        return value
    if value not in BUILT_INS:
        raise ValueError(f"must be a declaration (a mapping), or the name of a built-in one: {', '.join(BUILT_INS)}")
    return BUILT_INS[value]


def _empty_list(value: Any) -> Any:
    return [] if value is None else value


Name = Annotated[str, AfterValidator(_check_name)]
Line = Annotated[str, AfterValidator(_check_text)]


class CustomField(Strict):
    """One field: what ShopiMind is told of it, and the expression that gives its value (`connector.config_expressions`).

    `relates_to` is `contacts`, `products` or the name of another definition of the shop.
    """

    name: Name
    label: Line
    type: Literal["bool", "text", "longtext", "number", "decimal", "list", "date", "datetime"]
    value: Line
    required: Annotated[bool, Field(strict=True)] = False
    options: tuple[Line, ...] = ()  # of a list
    relates_to: Line | None = None


class CustomData(Strict):
    """One definition in ShopiMind and the rows that fill it. `source`: which data source tags a record, None: as usual."""

    name: Name
    description: Line
    rows: Literal[
        "customers", "customer_stores", "products", "product_stores", "stock", "sales", "categories", "brands", "stores"
    ]
    source: Literal["home_store", "store", "parent"] | None = None
    unique_keys: Annotated[tuple[Name, ...], Field(min_length=1)]
    fields: Annotated[tuple[CustomField, ...], Field(min_length=1)]

    @property
    def row_kind(self) -> RowKind:
        return ROW_KINDS[self.rows]

    @property
    def tagged_by(self) -> str:
        """`home_store`, `store` or `parent`."""
        return self.source or self.row_kind.sources[0]

    @property
    def relates_to_definitions(self) -> list[str]:
        """The other definitions of the shop that must exist before this one."""
        return [each.relates_to for each in self.fields if each.relates_to and each.relates_to not in SYSTEM]

    def relates_to(self, schema: str) -> bool:
        """Whether a field of it relates to that."""
        return any(each.relates_to == schema for each in self.fields)

    def expressions(self) -> dict[str, Expression]:
        """By field, in their order. The declaration was checked when it was loaded."""
        return {each.name: parse(each.value, self.row_kind.columns) for each in self.fields}


Declaration = Annotated[CustomData, BeforeValidator(_declared)]
CustomDataList = Annotated[tuple[Declaration, ...], BeforeValidator(_empty_list)]


def in_order(declared: tuple[CustomData, ...]) -> list[CustomData]:
    """The declarations, each after those that it relates to; they have no cycle."""
    by_name = {each.name: each for each in declared}
    ordered: dict[str, CustomData] = {}

    def add(each: CustomData) -> None:
        for name in each.relates_to_definitions:
            add(by_name[name])
        ordered.setdefault(each.name, each)

    for each in declared:
        add(each)
    return list(ordered.values())


# --- checks that no single key can tell ------------------------------------------------------------------------------


def check_custom_data(document: Document, raw: Any, place: Path) -> None:
    """Notes every mistake between fields, rows and definitions; what is wrong with a single key is told elsewhere."""
    if not isinstance(raw, list):
        return
    sound = {index: each for index, item in enumerate(raw) if (each := _sound(item)) is not None}
    names = [_name_of(item) for item in raw]
    _check_names(document, names, raw, place)
    declared = {each.name: each for each in sound.values()}
    in_cycle = _in_cycle(declared)
    for index, each in sound.items():
        here = (*place, index)
        for steps, message in (*_mistakes_of_keys(each), *_mistakes_of_fields(each)):
            document.mistake((*here, *steps), message)
        for steps, message in _mistakes_of_relations(each, declared, {name for name in names if name}, in_cycle):
            document.mistake((*here, *steps), message)


def _sound(item: Any) -> CustomData | None:
    try:
        return CustomData.model_validate(_declared(item))
    except (ValidationError, ValueError):
        return None


def _name_of(item: Any) -> str | None:
    name = item.get("name") if isinstance(item, dict) else item
    return name if isinstance(name, str) else None


def _check_names(document: Document, names: list[str | None], raw: list[Any], place: Path) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name is None:
            continue
        where = (*place, index, "name") if isinstance(raw[index], dict) else (*place, index)
        plain = _plain(name)
        if plain == PROFILE:
            document.mistake(where, f"is the name of the definition {PROFILE}, which every shop has")
        elif plain in seen:
            document.mistake(
                where, "is the name of another definition above; case and accents do not count in ShopiMind"
            )
        elif isinstance(raw[index], dict) and _is_taken(plain):
            document.mistake(
                where, "is taken: names of what every shop has, and those that begin with pos_ or shopimind_"
            )
        seen.add(plain)


def _is_taken(plain: str) -> bool:
    return plain in _TAKEN or plain.startswith(("pos_", "shopimind_"))


def _plain(name: str) -> str:
    """A name as ShopiMind compares it."""
    apart = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _mistakes_of_keys(each: CustomData) -> Iterator[tuple[Path, str]]:
    fields = {field.name: field for field in each.fields}
    for place, key in enumerate(each.unique_keys):
        if key not in fields:
            yield ("unique_keys", place), "is not a field of this definition"
        elif key in each.unique_keys[:place]:
            yield ("unique_keys", place), "is there twice"
    if each.source is not None and each.source not in each.row_kind.sources:
        yield ("source",), f"rows {each.rows} have no such source; they have {' and '.join(each.row_kind.sources)}"


def _mistakes_of_fields(each: CustomData) -> Iterator[tuple[Path, str]]:
    seen: set[str] = set()
    for place, field in enumerate(each.fields):
        here = ("fields", place)
        plain = _plain(field.name)
        if plain == SOURCE_FIELD:
            yield (*here, "name"), f"{SOURCE_FIELD} is a field of every definition: leave it out"
        elif plain in seen:
            yield (*here, "name"), "is the name of another field above; case does not count in ShopiMind"
        seen.add(plain)
        if (field.type == "list") != bool(field.options):
            yield (*here, "options"), "a field of type list needs them, and no other has any"
        for steps, message in _mistakes_of_value(each, field):
            yield (*here, *steps), message


def _mistakes_of_value(each: CustomData, field: CustomField) -> Iterator[tuple[Path, str]]:
    try:
        found = parse(field.value, each.row_kind.columns).type
    except NotAnExpression as error:
        yield ("value",), str(error)
        return
    if found not in _FITTING[field.type]:
        yield ("value",), f"gives {found}, which a field of type {field.type} does not take"
    wanted = _RELATED.get(field.relates_to or "")
    if wanted is not None and found is not wanted:
        yield (
            ("value",),
            f"gives {found}, and a relation to {field.relates_to} takes {wanted}: {wanted.name.lower()}(...)",
        )
    elif wanted is None and found in _RELATED.values():
        schema = next(name for name, kind in _RELATED.items() if kind is found)
        yield ("relates_to",), f"must be {schema}, because the value is {found}"


def _mistakes_of_relations(
    each: CustomData, declared: Mapping[str, CustomData], names: set[str], in_cycle: set[str]
) -> Iterator[tuple[Path, str]]:
    for place, field in enumerate(each.fields):
        target = field.relates_to
        if target is None or target in SYSTEM:
            continue
        here = ("fields", place, "relates_to")
        if target not in names:
            yield here, f"is neither {' nor '.join(SYSTEM)} nor a definition of this shop's custom_data"
        elif each.name in in_cycle and target in in_cycle:
            yield here, "leads back to this definition: each of them would have to exist before the other"
        elif target in declared:
            yield from ((here, message) for message in _mistakes_of_target(each, field, declared[target]))


def _mistakes_of_target(each: CustomData, field: CustomField, target: CustomData) -> Iterator[str]:
    key = next((other for other in target.fields if target.unique_keys == (other.name,)), None)
    if key is None or key.relates_to is not None:
        yield "relates to a definition that is not found by one plain field: it needs exactly one unique key, no relation"
        return
    try:
        types = {parse(one.value, of.row_kind.columns).type for one, of in ((field, each), (key, target))}
    except NotAnExpression:
        return  # told already
    if len(types) > 1:
        yield f"gives another type of value than the unique key there: {' and '.join(sorted(types))}"


def _in_cycle(declared: Mapping[str, CustomData]) -> set[str]:
    """The definitions that can be reached from themselves."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        ahead = [start]
        while ahead:
            for name in declared[ahead.pop()].relates_to_definitions:
                if name in declared and name not in found:
                    found.add(name)
                    ahead.append(name)
        return found

    return {name for name in declared if name in reached(name)}
