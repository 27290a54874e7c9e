"""The groups of customers, by the rule `customer_groups`: the account's customer tags, or its customer lists.

Neither shape is documented, so both are read by what they contain, not by where. No call is made for a single customer.
"""

from __future__ import annotations

import html
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Literal

from connector.pos.hiboutik_calls import HiboutikCalls, NotThere
from connector.pos.hiboutik_customer_lists import CustomerLists, id_of_customer, id_of_list
from connector.pos.hiboutik_lists import listing
from connector.pos.row_reader import Reader, text_of, whole_number

_TAGS = "/tags/customers/"
TAG_KEYS = ("tags", "customers_tags")

GroupsFrom = Literal["none", "tags", "lists"]


class GroupRule:
    """Which groups there are, and which of them a customer is in. `warn` gets one sentence where the till does not say."""

    def __init__(
        self, rule: GroupsFrom, calls: HiboutikCalls, lists: CustomerLists, warn: Callable[[str], None]
    ) -> None:
        self._rule, self._calls, self._lists, self._warn = rule, calls, lists, warn
        self._rows: list[dict[str, Any]] | None = None
        self._of_customer: dict[int, list[int]] | None = None
        self._lock = threading.Lock()

    def rows(self) -> list[dict[str, Any]]:
        """`CUSTOMER_GROUPS`, read once. May raise `PosError`."""
        with self._lock:
            if self._rows is None:
                self._rows = {"none": list, "tags": self._tags, "lists": self._named_lists}[self._rule]()
            return self._rows

    def of(self, row: object) -> list[int] | None:
        """The groups of this row's customer, sorted; None when the row does not say. May raise `PosError`."""
        if self._rule == "none" or not isinstance(row, Mapping):
            return None
        if self._rule == "lists":
            return self._list_members().get(id_of_customer(row) or 0, [])
        tags = next((row[key] for key in TAG_KEYS if isinstance(row.get(key), list)), None)
        return None if tags is None else self._known(tags)

    def of_new(self, row: object) -> list[int] | None:
        """The same of a customer who was asked for alone: lists are not read for one; the next pass over all tells."""
        return self.of(row) if self._rule == "tags" else None

    def carried_by(self, row: object) -> bool:
        """Whether this row says in which groups its customer is."""
        return self._rule != "tags" or (isinstance(row, Mapping) and any(key in row for key in TAG_KEYS))

    def warn_not_carried(self) -> None:
        """To be called after a pass over customers of whom none carried tags."""
        self._warn(
            f"Hiboutik account {self._calls.account}: customer_groups: tags needs the tags in the list of customers, which "
            "the till does not give: nobody is in a group. customer_groups: lists may work instead."
        )

    def _tags(self) -> list[dict[str, Any]]:
        try:
            rows = [row for page in listing(self._calls, _TAGS, lambda row: None).pages() for row in page]
        except NotThere:
            self._warn(f"Hiboutik account {self._calls.account}: {_TAGS} does not exist: there are no customer groups.")
            return []
        tags: list[Any] = []
        for row in rows:
            details = row.get("tag_details") if isinstance(row, Mapping) else None
            tags += details if isinstance(details, list) else [row]
        return _each_once(_group(Reader(tag), tag, ("tag_id",), "tag") for tag in tags)

    def _named_lists(self) -> list[dict[str, Any]]:
        return _each_once(_group(Reader(row), row, (), "name") for row in self._lists.rows())

    def _list_members(self) -> dict[int, list[int]]:
        groups = self.rows()
        with self._lock:
            if self._of_customer is None:
                found: dict[int, list[int]] = defaultdict(list)
                for group in sorted(group["group_id"] for group in groups if group["group_id"]):
                    members = self._lists.members(group)
                    if not members.complete or (members.rows and not members.ids):
                        self._warn(
                            f"Hiboutik account {self._calls.account}: customer list {group} could not be read whole: only the "
                            f"{len(members.ids)} customers seen count as its group."
                        )
                    for customer_id in members.ids:
                        found[customer_id].append(group)
                self._of_customer = dict(found)
            return self._of_customer

    def _known(self, tags: list[Any]) -> list[int]:
        """Those of the tags that are groups: rows `{tag_id, tag}`, numbers, or bare texts."""
        numbers = {group["group_id"] for group in self.rows()} - {None}
        names = {_plain(group["name"]): group["group_id"] for group in self.rows()}
        found = set()
        for tag in tags:
            value = tag.get("tag_id", tag.get("tag")) if isinstance(tag, Mapping) else tag
            number = whole_number(value)
            found.add(number if number in numbers else names.get(_plain(text_of(value))))
        return sorted(group for group in found if group)


def _group(read: Reader, row: object, id_keys: tuple[str, ...], name_key: str) -> dict[str, Any]:
    number = read.id(*id_keys) if id_keys else id_of_list(row)
    if number is None and not id_keys:
        read.problem("list_id: the list has no number")
    named = [key for key in read.row if key == name_key or key.endswith("_name")]
    return {"group_id": number, "name": read.text(*named) if named else "", "problems": read.problems}


def _each_once(groups: Any) -> list[dict[str, Any]]:
    seen: dict[Any, dict[str, Any]] = {}
    for place, group in enumerate(groups):
        seen.setdefault(group["group_id"] or f"#{place}", group)
    return list(seen.values())


def _plain(text: str) -> str:
    return " ".join(html.unescape(text).casefold().split())
