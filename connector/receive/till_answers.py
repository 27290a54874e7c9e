"""What ShopiMind asks about a till while a merchant fills in the installation's configuration: does it answer, which stores?"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow as pa

from connector.config import FilesAccount, HiboutikAccount, Rules
from connector.mapping.text import clean
from connector.pos.protocol import PosError
from connector.pos.systems import open_point_of_sale
from connector.receive.lifecycle import Webhook
from connector.shops import ConfigsMistake, installed_shop
from connector.state.calls import MonthlyCalls
from connector.state.memory import Memory
from connector.state.webhook_installations import WebhookInstallation, WebhookInstallations

if TYPE_CHECKING:
    from connector.receive.app import Receiver

CALL = 1.3  # seconds for the till, of the answer's budget
TOO_SLOW = "the till did not answer in time; try again"


class NoAnswer(Exception):
    """Why the till cannot be asked, or what it answered, in a sentence for the merchant."""


def connection_problem(receiver: Receiver, question: Webhook) -> None:
    """Signs in to the till and lists its stores, as a sync begins: one call. Raises `NoAnswer`."""
    if _stores(receiver, question).num_rows == 0:
        raise NoAnswer("the till lists no store: check that the user's rights include the points of sale")


def stores(receiver: Receiver, question: Webhook) -> list[dict[str, str]]:
    """The account's stores as the choices of a field. Raises `NoAnswer`."""
    found = _stores(receiver, question).to_pylist()
    return [
        {"value": str(row["store_id"]), "label": clean(row["name"]) or str(row["store_id"])}
        for row in found
        if row["store_id"] is not None
    ]


def _stores(receiver: Receiver, question: Webhook) -> pa.Table:
    account = _account(receiver, question)
    memory = Memory(receiver.state.db, account.state_key)
    counter = MonthlyCalls(
        receiver.state.db,
        account.state_key,
        monthly_calls=account.monthly_calls or 0,  # an export folder costs none
        memory=memory,
    )
    try:
        with closing(open_point_of_sale(account, Rules(), counter, memory, once_within=CALL)) as till:
            return till.stores()
    except PosError as error:
        raise NoAnswer(str(error)) from None


def _account(receiver: Receiver, question: Webhook) -> HiboutikAccount | FilesAccount:
    """The till of the configuration that the question holds, else that of the installation that it names."""
    named = question.text("installation_id")
    for shop in receiver.configuration.shops:
        if named is not None and shop.installation_id == named:
            return shop.pos
    template = receiver.receive.installed_shops
    if template is None:
        raise NoAnswer("no shop of the connector's configuration names this installation")
    configs = question.body.get("configs", question.body)
    if template.pos.configs.account not in configs and named is not None:
        with receiver.state.db.read() as connection:
            known = WebhookInstallations(receiver.state.db, receiver.state.sealer).find(connection, named)
        configs = known.configs if known else configs
    draft = WebhookInstallation(
        "draft", 1, "installed", 0, 0, "draft", shop="draft", offset=template.identifiers.first_offset, configs=configs
    )
    try:
        return installed_shop(draft, template).pos
    except ConfigsMistake as mistake:
        raise NoAnswer(str(mistake)) from None
