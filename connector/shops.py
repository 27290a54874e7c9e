"""Every shop there is: those of `shops.yaml`, and those that ShopiMind's webhooks have installed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, ValidationError

from connector.config import ConfigError, Configuration, InstalledShops, Mistake, Shop, load_configuration
from connector.config_models import DEFAULT_SHOPIMIND_URL
from connector.config_pos import HiboutikAccount

if TYPE_CHECKING:
    from connector.state.database import Database
    from connector.state.sealing import Sealer
    from connector.state.webhook_installations import WebhookInstallation


class ConfigsMistake(Exception):
    """An installation's configuration in ShopiMind makes no shop. The message names the keys there, never a value."""


def known_shops(file: Path) -> list[Shop]:
    """The shops of the file, in its order, then the installed ones in the order in which they came.

    One that names its installation has the token that the webhook brought, if one has. Raises `ConfigError` when the file
    cannot be used, `StateError` when the state cannot.
    """
    return with_installed(load_configuration(file), file)


def with_installed(configuration: Configuration, file: Path) -> list[Shop]:
    """The same, of a file that was read already. The state is opened only where the file says that there are webhooks."""
    if configuration.receive is None:
        return sharing(configuration.shops)
    from connector.state.database import open_database
    from connector.state.home import home
    from connector.state.sealing import Sealer
    from connector.state.webhook_installations import WebhookInstallations

    place = home()
    db = open_database(place)
    try:
        found = WebhookInstallations(db, Sealer(place)).all()
    finally:
        db.close()
    return shops_of(configuration, found, file)


def shops_of(
    configuration: Configuration, installations: Iterable[WebhookInstallation], file: Path | None = None
) -> list[Shop]:
    """The same, of what is known. Raises `ConfigError` when the file gives a shop the key of an installed one."""
    by_id = {each.installation_id: each for each in installations}
    shops = [_with_token(shop, by_id.pop(shop.installation_id or "", None)) for shop in configuration.shops]
    keys = {shop.key: index for index, shop in enumerate(shops)}
    template = configuration.receive.installed_shops if configuration.receive else None
    for each in by_id.values():
        if template is None or each.shop is None or not each.configs:
            continue
        if each.shop in keys:
            sentence = f"an installed shop (installation {each.installation_id}) has this key; choose another"
            raise ConfigError([Mistake(f"shops[{keys[each.shop]}].key", sentence)], file)
        try:
            shops.append(installed_shop(each, template))
        except ConfigsMistake:
            continue  # its `problem` says it: it was told ShopiMind, and `connector status` tells it
    return sharing(shops)


def sharing(shops: list[Shop]) -> list[Shop]:
    """Each with its share of what may be in flight to an installation, or to a till, that it has in common with others.

    Of different ceilings the lowest counts. Their runs may be processes on several machines, side by side: only shares that
    are fixed keep to it.
    """
    requests, calls = defaultdict[object, list[int]](list), defaultdict[object, list[int]](list)
    for shop in shops:
        requests[_installation_of(shop)].append(shop.shopimind.requests_in_flight)
        if isinstance(shop.pos, HiboutikAccount):
            calls[shop.pos.state_key].append(shop.pos.calls_in_flight)
    return [_with_shares(shop, requests[_installation_of(shop)], calls[shop.pos.state_key]) for shop in shops]


def _installation_of(shop: Shop) -> tuple[str, str]:
    token = shop.shopimind.access_token
    return shop.shopimind.base_url, f"waits: {shop.key}" if token is None else token.get_secret_value()


def _with_shares(shop: Shop, requests: list[int], calls: list[int]) -> Shop:
    account, pos = shop.shopimind, shop.pos
    account = account.model_copy(update={"requests_in_flight": _share(requests)})
    if isinstance(pos, HiboutikAccount):
        pos = pos.model_copy(update={"calls_in_flight": _share(calls)})
    return shop.model_copy(update={"shopimind": account, "pos": pos})


def _share(ceilings: list[int]) -> int:
    return max(1, min(ceilings) // len(ceilings))


def with_present_token(shop: Shop, db: Database, sealer: Sealer) -> Shop:
    """The shop, read some time ago, with the token that its installation has now: it may have been activated since."""
    if shop.installation_id is None:
        return shop
    from connector.state.webhook_installations import WebhookInstallations

    with db.read() as connection:
        return _with_token(shop, WebhookInstallations(db, sealer).find(connection, shop.installation_id))


class ShopOfInstallation(Shop):
    """A shop that an activation made: `shops.yaml` has none of its keys."""


def installed_shop(installation: WebhookInstallation, template: InstalledShops) -> ShopOfInstallation:
    """The shop of an activated installation, validated as one of the file. Raises `ConfigsMistake`."""
    pos: dict[str, Any] = {key: getattr(template.pos, key) for key in ("system", "monthly_calls", "calls_in_flight")}
    for key, theirs in template.pos.configs.model_dump(exclude_none=True).items():
        value = installation.configs.get(theirs)
        if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
            raise ConfigsMistake(f"configs.{theirs} is missing")
        pos[key] = str(value).strip()
    if template.pos.webhook_secret is not None and installation.webhook_secret is not None:
        pos["webhook_secret"] = installation.webhook_secret
        pos["erase_deleted"] = template.pos.erase_deleted
    pos["base_url"] = template.pos.base_url.replace("{account}", pos["account"])
    shopimind: dict[str, Any] = {"base_url": template.shopimind_url or DEFAULT_SHOPIMIND_URL}
    if installation.token is not None:
        shopimind["access_token"] = installation.token
    raw = {
        "key": installation.shop,
        "label": installation.shop_name or pos["account"],
        "lang": template.lang,
        "country": template.country,
        "installation_id": installation.installation_id,
        "shopimind": shopimind,
        "pos": pos,
        "identifiers": {
            "prefix": f"{template.identifiers.prefix}{installation.number}_",
            "offset": installation.offset,
        },
        "history_days": template.history_days,
        "rules": template.rules,
    }
    try:
        return ShopOfInstallation.model_validate(raw)
    except ValidationError as error:
        raise ConfigsMistake(_sentence(error, template)) from None


def _sentence(error: ValidationError, template: InstalledShops) -> str:
    """Which key is wrong and how, in the installation's own words where it has one for it."""
    detail = error.errors(include_url=False, include_input=False)[0]
    steps = [str(step) for step in detail["loc"]]
    theirs = getattr(template.pos.configs, steps[-1], None) if steps[:1] == ["pos"] else None
    said = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else "is not a valid value"
    return f"{f'configs.{theirs}' if theirs else '.'.join(steps)} {said}"


def _with_token(shop: Shop, installation: WebhookInstallation | None) -> Shop:
    if installation is None or installation.token is None:
        return shop
    account = shop.shopimind.model_copy(update={"access_token": SecretStr(installation.token)})
    return shop.model_copy(update={"shopimind": account})
