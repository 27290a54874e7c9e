"""The point-of-sale systems that can be read, by the name that `shops.yaml` gives them."""

from __future__ import annotations

from connector.config import FilesAccount, HiboutikAccount, PosAccount, Rules
from connector.pos import hiboutik_pushed
from connector.pos.files import ExportFolder
from connector.pos.hiboutik import Hiboutik
from connector.pos.hiboutik_pushed import NotASale, PushedSale
from connector.pos.hiboutik_webhooks import HiboutikWebhooks
from connector.pos.protocol import AccountMemory, CallCounter, PointOfSale

__all__ = [
    "NotASale",
    "PushedSale",
    "open_point_of_sale",
    "open_webhooks",
    "pushed_customer_id",
    "pushed_sale",
    "pushed_sale_id",
]


def open_point_of_sale(
    account: HiboutikAccount | FilesAccount,
    rules: Rules,
    counter: CallCounter,
    memory: AccountMemory,
    *,
    once_within: float | None = None,
) -> PointOfSale:
    """The reader of one account; `counter` is paid before every call.

    With `once_within` each call has so many seconds and is not tried again.
    """
    if isinstance(account, FilesAccount):
        return ExportFolder(account)
    return Hiboutik(
        account.account,
        account.base_url,
        login=account.login,
        api_key=account.api_key.get_secret_value() if account.api_key else None,
        oauth_token=account.oauth_token.get_secret_value() if account.oauth_token else None,
        consent=rules.consent,
        customer_groups=rules.customer_groups,
        counter=counter,
        memory=memory,
        calls_in_flight=account.calls_in_flight,
        once_within=once_within,
    )


def open_webhooks(account: HiboutikAccount, counter: CallCounter) -> HiboutikWebhooks:
    """What manages the addresses that the account's till pushes its sales to; `counter` is paid before every call."""
    return HiboutikWebhooks(
        account.account,
        account.base_url,
        login=account.login,
        api_key=account.api_key,
        oauth_token=account.oauth_token,
        counter=counter,
    )


def pushed_sale_id(account: PosAccount, body: bytes) -> int | None:
    """Which sale a pushed message is about; None when it is about something else, or cannot be read."""
    return hiboutik_pushed.pushed_sale_id(body)


def pushed_customer_id(account: PosAccount, body: bytes) -> int | None:
    """Which customer a pushed message says something became of; None when it is about something else."""
    return hiboutik_pushed.pushed_customer_id(body)


def pushed_sale(account: PosAccount, body: bytes) -> PushedSale:
    """The closed sale of a pushed message. Raises `NotASale`."""
    return hiboutik_pushed.pushed_sale(body)
