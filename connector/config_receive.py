"""The section `receive` of `shops.yaml`: what ShopiMind's webhooks are believed by, and the shops that they bring."""

from __future__ import annotations

import string
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from connector.config_models import (
    DEFAULT_HISTORY_DAYS,
    HIGHEST_ID,
    IDS_PER_SHOP,
    HistoryDays,
    Rules,
    check_offset,
    empty_mapping,
)
from connector.config_pos import check_erase_deleted
from connector.config_values import (
    Address,
    Country,
    Flag,
    Lang,
    Secret,
    Strict,
    Text,
    WholeNumber,
    check_address,
    matching,
)

DEFAULT_FIRST_OFFSET = 1_000_000_000  # room for 11 shops of one merchant above it, and for the merchant's own ids below


def _check_template(value: str) -> str:
    try:
        fields = [part[1:] for part in string.Formatter().parse(value) if part[1] is not None]
    except ValueError:
        raise ValueError("has a brace that is not closed or not opened") from None
    if any(name != "account" or spec or conversion for name, spec, conversion in fields):
        raise ValueError("may only use {account}")
    check_address(value.format(account="a"))
    return str(value)


class InstalledConfigs(Strict):
    """Which keys of an installation's configuration in ShopiMind hold the till's credentials, by their key in `pos`."""

    account: Text
    login: Text | None = None
    api_key: Text | None = None
    oauth_token: Text | None = None


class InstalledPos(Strict):
    """The till of an installed shop: as `PosAccount`, with the credentials out of the installation's configuration."""

    system: Literal["hiboutik"]
    configs: InstalledConfigs
    # Never out of the configuration: whoever fills that in could have us call any host
    base_url: Annotated[str, AfterValidator(_check_template)] = "https://{account}.hiboutik.com/api"
    monthly_calls: Annotated[WholeNumber, Field(gt=0)] = 10_000
    calls_in_flight: Annotated[WholeNumber, Field(gt=0, le=5)] = 5
    # every shop gets a secret of its own; None: no till can push
    webhook_secret: Literal["generate"] | None = None
    erase_deleted: Annotated[Flag, AfterValidator(check_erase_deleted)] = False


class InstalledIdentifiers(Strict):
    """By which rule an installed shop gets its prefix and its offset (`connector.receive.allocation`)."""

    prefix: Annotated[str, matching(r"[A-Za-z_-]{1,8}", "must be 1 to 8 letters, '_' or '-'")] = "pos"
    first_offset: Annotated[WholeNumber, AfterValidator(check_offset)] = DEFAULT_FIRST_OFFSET

    @property
    def offsets(self) -> range:
        """Every offset that one merchant's shops may have, in order."""
        return range(self.first_offset, HIGHEST_ID - IDS_PER_SHOP + 2, IDS_PER_SHOP)


class InstalledShops(Strict):
    """What every shop has that comes from an activation; as the keys of `Shop`."""

    lang: Lang
    country: Country = "FR"
    shopimind_url: Address | None = None
    pos: InstalledPos
    history_days: HistoryDays = DEFAULT_HISTORY_DAYS
    identifiers: Annotated[InstalledIdentifiers, BeforeValidator(empty_mapping)] = InstalledIdentifiers()
    rules: Annotated[Rules, BeforeValidator(empty_mapping)] = Rules()


class Receive(Strict):
    """What `connector receive` needs."""

    webhook_secrets: Annotated[list[Secret], Field(min_length=1)]
    # None: no shop comes from an activation, only those of the file that name their installation are governed
    installed_shops: InstalledShops | None = None
    when_uninstalled: Literal["purge", "keep"] = "purge"
