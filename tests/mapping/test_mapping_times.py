"""Store-local text becomes ISO 8601 with an offset, whatever the clocks do."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from connector.mapping import times
from connector.mapping.outcomes import Refused

PARIS = ZoneInfo("Europe/Paris")


def iso(text, zone=PARIS):
    found = times.moment("created_at", text, zone)
    return found and found.iso


def test_a_time_has_the_offset_of_the_stores_zone():
    assert iso("2024-06-05 11:22:32") == "2024-06-05T11:22:32+02:00"
    assert iso("2024-12-05 11:22:32") == "2024-12-05T11:22:32+01:00"
    assert iso("2024-06-05 11:22:32", ZoneInfo("Indian/Reunion")) == "2024-06-05T11:22:32+04:00"


def test_a_repeated_autumn_hour_is_the_earlier_one():
    assert iso("2024-10-27 02:30:00") == "2024-10-27T02:30:00+02:00"


def test_a_missing_spring_hour_moves_forward():
    assert iso("2024-03-31 02:30:00") == "2024-03-31T03:30:00+02:00"


def test_a_midnight_that_the_clocks_leave_out_moves_forward():
    assert times.midnight(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo")) == "2018-11-04T01:00:00-02:00"


def test_the_same_moment_compares_equal_from_two_stores():
    here = times.moment("created_at", "2024-06-05 11:22:32", PARIS)
    there = times.moment("created_at", "2024-06-05 13:22:32", ZoneInfo("Indian/Reunion"))
    assert here is not None
    assert there is not None
    assert here.epoch == there.epoch
    assert times.at(there.epoch, PARIS) == here.iso


def test_a_day_alone_is_its_midnight():
    assert iso("2024-06-28") == "2024-06-28T00:00:00+02:00"


@pytest.mark.parametrize("zero", ["0000-00-00 00:00:00", "0000-00-00", "", "  ", None, "0", "0000-00-00 12:00:00"])
def test_a_zero_date_is_no_date(zero):
    assert iso(zero) is None
    assert times.birth_date("birth_date", zero) is None


@pytest.mark.parametrize(
    "impossible",
    ["2024-02-30 10:00:00", "2024-13-01", "2024-06-05 24:00:00", "2024-06-05 10:61:00", "05/06/2024",
     "soon", "20240605", "2024-06-05T10:00:00Z", "0001-01-01 00:00:00", "2024-00-00", "２０２４-06-05"],
)  # fmt: skip
def test_a_date_that_the_calendar_does_not_have_is_refused(impossible):
    with pytest.raises(Refused) as refused:
        times.moment("created_at", impossible, ZoneInfo("Asia/Tokyo"))
    assert (refused.value.field, refused.value.reason) == ("created_at", f"impossible date: {impossible!r}")


def test_offsets_have_no_seconds_even_where_clocks_followed_the_sun():
    assert iso("1905-01-01 12:00:00") == "1905-01-01T11:50:39+00:00"


def test_a_birth_date_has_no_time_and_no_zone():
    assert times.birth_date("birth_date", "1987-03-14") == "1987-03-14"
    assert times.birth_date("birth_date", "1987-03-14 00:00:00") == "1987-03-14"


def test_an_impossible_birth_date_is_refused_without_being_shown():
    with pytest.raises(Refused) as refused:
        times.birth_date("birth_date", "1987-02-30")
    assert refused.value.reason == "impossible date"


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "Europe", "../etc/passwd", "a\0b", "x" * 5000])
def test_an_unknown_zone_is_none(name):
    assert times.zone(name) is None


def test_a_country_has_a_zone():
    assert times.zone_of_country("FR") == "Europe/Paris"
    assert times.zone_of_country("RE") == "Indian/Reunion"
    assert times.zone_of_country("XX") == "UTC"
