"""The only place that reads a date of the till, and the only one that writes one for ShopiMind.

The till writes store-local times without a zone (`YYYY-MM-DD HH:MM:SS`, zeros for none); ShopiMind takes ISO 8601 with
an offset. An hour that the clocks repeat in autumn is the earlier one; one that they leave out in spring moves forward.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connector.mapping.outcomes import Refusal, refusal

_WRITTEN = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.[0-9]{1,9})?)?")
_ZERO_DATE = "0000-00-00"
_ISO_LENGTH = len("2026-10-17T14:03:00+02:00")


class Moment(NamedTuple):
    """A point in time, as it is sent and as it is compared."""

    iso: str  # with the store's offset
    epoch: int  # seconds since 1970-01-01 UTC


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo | None:
    """The IANA time zone of that name, or None when there is none."""
    try:
        return ZoneInfo(name.strip())
    except (LookupError, ValueError, OSError):  # unknown; not a name at all; a folder of the database
        return None


@lru_cache(maxsize=512)
def zone_of_country(country: str) -> str:
    """The first time zone that the tz database lists for an alpha-2 country, `UTC` when it lists none."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    for line in table.splitlines():
        columns = line.split("\t")
        if columns[0] == country:
            return columns[2]
    return "UTC"


@lru_cache(maxsize=2**12)
def moment(field: str, text: str | None, store_zone: ZoneInfo) -> Moment | None:
    """A store-local time, or day (its midnight); None for a zero date and for nothing.

    Raises `Refused` for a date that the calendar does not have.
    """
    text = (text or "").strip()
    if not text.strip("0-: T.") or text.startswith(_ZERO_DATE):
        return None
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise refusal(field, Refusal.BAD_DATE, text)
    try:
        local = datetime.fromisoformat(f"{written[1]}T{written[2] or '00:00'}")
        return _located(local, store_zone)
    except (ValueError, OverflowError):
        raise refusal(field, Refusal.BAD_DATE, text) from None


def birth_date(field: str, text: str | None) -> str | None:
    """A day without time or zone as `YYYY-MM-DD`; None for a zero date. Raises `Refused`, without showing the date."""
    text = (text or "").strip()
    if not text.strip("0-: T.") or text.startswith(_ZERO_DATE):
        return None
    written = _WRITTEN.fullmatch(text)
    try:
        return date.fromisoformat(written[1] if written else "").isoformat()
    except ValueError:
        raise refusal(field, Refusal.BAD_DATE) from None


@lru_cache(maxsize=512)
def midnight(day: date, store_zone: ZoneInfo) -> str:
    """The first moment of a store-local day, as it is sent."""
    return _located(datetime.combine(day, time.min), store_zone).iso


@lru_cache(maxsize=2**12)
def at(epoch: int, store_zone: ZoneInfo) -> str:
    """Seconds since 1970 as they are sent, with the offset of that zone."""
    return _iso(datetime.fromtimestamp(epoch, store_zone))


def _located(local: datetime, store_zone: ZoneInfo) -> Moment:
    # fold=0 is the earlier of a repeated hour; there and back through UTC moves a missing hour forward.
    exact = local.replace(tzinfo=store_zone).astimezone(UTC)
    return Moment(_iso(exact.astimezone(store_zone)), int(exact.timestamp()))


def _iso(exact: datetime) -> str:
    text = exact.isoformat()
    if len(text) > _ISO_LENGTH:  # local mean time of long ago; ISO 8601 offsets have no seconds
        return exact.astimezone(UTC).isoformat()
    return text
