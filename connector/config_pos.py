"""What an account of a till is in `shops.yaml`: what every system's has in common, and Hiboutik's own keys."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo

from connector.config_values import Address, Flag, Secret, Strict, Text, WholeNumber, matching


def _check_login(value: str) -> str:
    if ":" in value:
        raise ValueError("must not contain ':' (it ends the login in HTTP basic authentication)")
    return value


def _check_path_secret(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,128}", value.get_secret_value()):
        raise ValueError("must be 16 to 128 letters, digits, '_' or '-': it is a part of an address")
    return value


def _check_calls_for_others(value: int, info: ValidationInfo) -> int:
    if value < 0:
        raise ValueError("must be 0 or more")
    if value >= info.data.get("monthly_calls", value + 1):
        raise ValueError("must be less than monthly_calls, or no history is ever read")
    return value


def check_erase_deleted(value: bool, info: ValidationInfo) -> bool:
    """Only a till that pushes tells of deletions. Raises `ValueError`."""
    if value and info.data.get("webhook_secret", value) is None:
        raise ValueError("needs webhook_secret: the till tells by webhook that a customer was deleted")
    return value


class PosAccount(Strict):
    """What is known of an account whatever its system; each system's class adds its keys.

    Each also says `monthly_calls` (None: reading it costs no calls, so it has no quota) and `website`, the address
    under which the pages of products and categories are.
    """

    system: str
    account: str

    @property
    def state_key(self) -> str:
        """Under which our own state keeps what is known of the account; two systems may both have a `maison-lea`."""
        return f"{self.system}:{self.account}"


class HiboutikAccount(PosAccount):
    """Either `login` and `api_key`, or `oauth_token`: a loaded shop has exactly one of the two."""

    system: Literal["hiboutik"]
    account: Annotated[str, matching(r"[A-Za-z0-9-]+", "must be letters, digits or '-': the part before .hiboutik.com")]
    login: Annotated[Text, AfterValidator(_check_login)] | None = None
    api_key: Secret | None = None
    oauth_token: Secret | None = None
    base_url: Address = Field(default_factory=lambda data: f"https://{data.get('account', '')}.hiboutik.com/api")
    monthly_calls: Annotated[WholeNumber, Field(gt=0)] = 10_000  # per store
    # at most: `connector.shops` divides it among the shops of one account
    calls_in_flight: Annotated[WholeNumber, Field(gt=0, le=5)] = 5
    # per store and month: what reading history never touches
    calls_for_others: Annotated[WholeNumber, AfterValidator(_check_calls_for_others)] = Field(
        default_factory=lambda data: int(data.get("monthly_calls", 0)) // 10
    )
    # a part of the address that the till pushes its sales to; None: no such
    webhook_secret: Annotated[SecretStr, AfterValidator(_check_path_secret)] | None = None
    # a customer whom the till has deleted is erased as `connector erase` does
    erase_deleted: Annotated[Flag, AfterValidator(check_erase_deleted)] = False

    @property
    def state_key(self) -> str:
        """The bare name: it was the only system once, and what was noted then still counts."""
        return self.account

    @property
    def website(self) -> str:
        """Where its pages are."""
        return f"https://{self.account}.hiboutik.com"
