"""The point-of-sale systems that can be read, by the name that `shops.yaml` gives them."""

from __future__ import annotations

from connector.config import PosAccount, Rules
from connector.pos.hiboutik import Hiboutik
from connector.pos.protocol import AccountMemory, CallCounter, PointOfSale


def open_point_of_sale(account: PosAccount, rules: Rules, counter: CallCounter, memory: AccountMemory) -> PointOfSale:
    """The reader of one account; `counter` is paid before every call."""
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
    )
