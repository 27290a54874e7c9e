"""The webhooks of a Hiboutik account: which addresses its till pushes what to. The only thing that is ever written to a till."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from connector.pos.hiboutik_calls import HiboutikCalls, NotThere
from connector.pos.hiboutik_credentials import credentials
from connector.pos.hiboutik_lists import listing
from connector.pos.hiboutik_rows import key_of
from connector.pos.protocol import CallCounter
from connector.pos.row_reader import text_of, whole_number

ALL_STORES = 0

_PATH = "/webhooks"
_id = key_of("webhook_id")


@dataclass(frozen=True)
class Webhook:
    """One address that the till calls. `url` may hold a secret; `app_id` is whatever its owner chose to know it by."""

    label: str
    url: str = field(repr=False)
    action: str  # "sale", "customer", ...
    app_id: str
    store_id: int  # `ALL_STORES`, or the only one
    asynchronous: bool  # false: the till waits for the answer
    webhook_id: int | None = None


class HiboutikWebhooks:
    """Lists, adds and removes. Every call is spent from `counter` before it is made. Raises `PosError` and its kinds."""

    def __init__(
        self,
        account: str,
        base_url: str,
        *,
        login: str | None,
        api_key: SecretStr | None,
        oauth_token: SecretStr | None,
        counter: CallCounter,
    ) -> None:
        authorization, basic = credentials(login, api_key, oauth_token)
        self._calls = HiboutikCalls(
            account, base_url, authorization=authorization, basic=basic, counter=counter, calls_in_flight=1
        )

    def close(self) -> None:
        """Gives the connections back."""
        self._calls.close()

    def all(self) -> list[Webhook]:
        """Every webhook of the account, whoever registered it; those without a readable id are left out."""
        rows = [row for page in listing(self._calls, f"{_PATH}/", _id).pages() for row in page]
        return [_webhook(row) for row in rows if isinstance(row, Mapping) and _id(row)]

    def add(self, webhook: Webhook) -> None:
        """Registers it; `webhook_id` is the till's to choose."""
        self._calls.write(
            "POST",
            _PATH,
            {
                "webhook_label": webhook.label,
                "webhook_url": webhook.url,
                "webhook_action": webhook.action,
                "webhook_app_id_int": webhook.app_id,
                "webhook_store_id": str(webhook.store_id),
                "webhook_async": str(int(webhook.asynchronous)),
            },
        )

    def remove(self, webhook_id: int) -> None:
        """Takes it away; one that is gone already is no error."""
        try:
            self._calls.write("DELETE", f"{_PATH}/{webhook_id}", {})
        except NotThere:
            return


def _webhook(row: Mapping[str, object]) -> Webhook:
    return Webhook(
        label=text_of(row.get("webhook_label")),
        url=text_of(row.get("webhook_url")),
        action=text_of(row.get("webhook_action")),
        app_id=text_of(row.get("webhook_app_id_int")),
        store_id=whole_number(row.get("webhook_store_id")) or ALL_STORES,
        asynchronous=whole_number(row.get("webhook_async")) == 1,
        webhook_id=_id(row),
    )
