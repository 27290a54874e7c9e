"""The custom data definitions that a shop needs in ShopiMind, and where the records of each of them are saved."""

from __future__ import annotations

import logging
from collections.abc import Collection

from connector.config import CustomData, Shop
from connector.delivery.entities import POS_PROFILES, Entity
from connector.delivery.provisioned import known_definition, remember_definition
from connector.mapping.custom_data import Target, definition_of
from connector.mapping.profiles import PROFILE_DEFINITION
from connector.shop_run import ShopRun
from connector.shopimind.envelope import InstallationInactive
from connector.shopimind.planning import DefinitionSpec
from connector.shopimind.provisioning import ensure_definition
from connector.shopimind.resources import Saved

log = logging.getLogger(__name__)

_PLANNED = 0  # stands for the id of a definition that a sync would make first


def declared_as(shop: Shop, entity: Entity) -> CustomData:
    """The declaration of `custom_data` whose records an entity is."""
    return next(each for each in shop.custom_data if each.name == entity.definition)


def wanted_definition(shop: Shop, entity: Entity, ids: dict[str, int]) -> DefinitionSpec:
    """The definition of an entity's records; `ids` are those of the definitions that it relates to, as far as known."""
    if entity == POS_PROFILES:
        return DefinitionSpec(**PROFILE_DEFINITION)
    declared = declared_as(shop, entity)
    by_name = {each.name: each for each in shop.custom_data}
    targets = {
        name: Target(ids.get(name, _PLANNED), by_name[name].unique_keys[0]) for name in declared.relates_to_definitions
    }
    return DefinitionSpec(**definition_of(declared, targets))


def records_resource(run: ShopRun, entity: Entity) -> tuple[Saved | None, str | None]:
    """Where an entity's records are saved: in its definition, which is found, made or extended first.

    Else why they cannot be; neither when the installation is not active.
    """
    if run.inactive:
        return None, None
    ids, missing = _related_ids(run, entity)
    if missing:
        return (
            None,
            f"definition {entity.definition}: it relates to {' and '.join(missing)}, which takes no records",
        )
    spec = wanted_definition(run.shop, entity, ids)
    try:
        definition = ensure_definition(run.crm, spec)
    except InstallationInactive:
        run.stop_inactive()
        return None, None
    for sentence in definition.conflicts:
        log.warning("shop %s: %s", run.shop.key, sentence)
    if definition.outcome in ("failed", "refused") or definition.id is None:
        return None, f"definition {entity.definition}: {definition.reason}"
    _use(run, entity, definition.id)
    return run.crm.custom_data_records.of(definition.id), None


def related(shop: Shop, entity: Entity) -> list[str]:
    """The names of the other definitions that an entity's relates to."""
    return [] if entity == POS_PROFILES else declared_as(shop, entity).relates_to_definitions


def names_with_related(shop: Shop, names: Collection[str]) -> set[str]:
    """Those of the shop's own custom data that are among the names, and all that these relate to."""
    declared = {each.name: each for each in shop.custom_data}
    found: set[str] = set()
    ahead = [name for name in names if name in declared]
    while ahead:
        name = ahead.pop()
        found.add(name)
        ahead += [each for each in declared[name].relates_to_definitions if each not in found]
    return found


def _related_ids(run: ShopRun, entity: Entity) -> tuple[dict[str, int], list[str]]:
    """The ids of the definitions that an entity's relates to, which were delivered before it, and those that have none."""
    found = {name: known_definition(run.state.db, run.shop.key, name) for name in related(run.shop, entity)}
    return {name: id_ for name, id_ in found.items() if id_ is not None}, [n for n, id_ in found.items() if id_ is None]


def _use(run: ShopRun, entity: Entity, definition_id: int) -> None:
    """A definition has its own table: when it is another than before, what was delivered is not in it."""
    name = entity.definition or ""
    before = known_definition(run.state.db, run.shop.key, name)
    if before == definition_id:
        return
    with run.state.db.begin() as connection:
        if before is not None:
            run.ledger.forget_all(connection, entity.name)
        remember_definition(connection, run.shop.key, name, definition_id, int(run.clock()))
