"""What was learned about one account of a till and need not be found out again."""

from __future__ import annotations

from sqlalchemy import select

from connector.state.database import Database, upsert
from connector.state.tables import account_memory


class Memory:
    """The `connector.pos.protocol.AccountMemory` of one account. What is known is asked of the database once."""

    def __init__(self, db: Database, account: str) -> None:
        self._db = db
        self._account = account
        self._known: dict[str, str] = {}

    def recall(self, trait: str) -> str | None:
        """The trait's value, `None` while nobody has learned it."""
        if trait not in self._known:
            table = account_memory
            query = select(table.c.value).where(table.c.account == self._account, table.c.trait == trait)
            with self._db.read() as connection:
                value = connection.execute(query).scalar()
            if value is None:
                return None
            self._known[trait] = value
        return self._known[trait]

    def learn(self, trait: str, value: str) -> None:
        """Keeps the value in the place of any earlier one."""
        if self._known.get(trait) == value:
            return
        with self._db.begin() as connection:
            upsert(connection, account_memory, [{"account": self._account, "trait": trait, "value": value}])
        self._known[trait] = value


class MemoryOfARun:
    """An `AccountMemory` that knows what another does, and what it learns itself is gone with it.

    A plan's: what it finds out with calls the sync finds out with the same ones, so that it predicts them.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._learned: dict[str, str] = {}

    def recall(self, trait: str) -> str | None:
        """The trait's value, `None` while nobody has learned it."""
        return self._learned[trait] if trait in self._learned else self._memory.recall(trait)

    def learn(self, trait: str, value: str) -> None:
        """Keeps the value in the place of any earlier one, for this run."""
        self._learned[trait] = value
