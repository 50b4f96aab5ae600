"""When somebody is told."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.domain.reaching import MOST_TRIES, Reach, is_time_zone, pause_after, wait_after

_NIGHT = Reach(("mail",), quiet_from=time(22), quiet_until=time(7), time_zone="Europe/Berlin")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_a_wish_at_once() -> None:
    now = _at("2026-03-01 03:00")
    assert Reach(("mail",)).find_due(1, now) == (now, False)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-01-10 20:59", "2026-01-10 20:59"),  # 21:59 in Berlin
        ("2026-01-10 21:00", "2026-01-11 06:00"),
        ("2026-01-11 05:59", "2026-01-11 06:00"),
        ("2026-01-11 06:00", "2026-01-11 06:00"),
        ("2026-03-28 22:00", "2026-03-29 05:00"),  # the clocks go forward that night
        ("2026-10-24 21:00", "2026-10-25 06:00"),  # and back that one
    ],
)
def test_quiet_hours_end_by_the_clock_of_the_person(now: str, due: str) -> None:
    assert _NIGHT.find_due(1, _at(now)) == (_at(due), now != due)


def test_quiet_hours_of_a_day() -> None:
    noon = Reach(("mail",), quiet_from=time(12), quiet_until=time(13))
    assert noon.find_due(0, _at("2026-01-10 12:30")) == (_at("2026-01-10 13:00"), True)
    assert noon.find_due(0, _at("2026-01-10 13:00")) == (_at("2026-01-10 13:00"), False)


def test_an_end_that_the_clock_leaves_out_is_still_reached() -> None:
    """At 02:30 nobody's clock in Berlin stands on the night of the change."""
    reach = Reach(("mail",), quiet_from=time(22), quiet_until=time(2, 30), time_zone="Europe/Berlin")
    due, _ = reach.find_due(0, _at("2026-03-29 00:50"))
    assert _at("2026-03-29 00:50") < due <= _at("2026-03-29 01:30")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-10-25 00:10", "2026-10-25 00:30"),  # 02:10, the first time
        ("2026-10-25 00:40", "2026-10-25 00:40"),  # 02:40: the quiet hours are over
        ("2026-10-25 01:10", "2026-10-25 01:30"),  # 02:10 again, and no day longer than that
        ("2026-10-25 01:30", "2026-10-25 01:30"),
    ],
)
def test_an_end_that_comes_twice_is_the_next_one(now: str, due: str) -> None:
    reach = Reach(("mail",), quiet_from=time(22), quiet_until=time(2, 30), time_zone="Europe/Berlin")
    assert reach.find_due(0, _at(now)) == (_at(due), now != due)


def test_a_digest_waits_and_a_level_that_is_urgent_does_not() -> None:
    now = _at("2026-01-10 23:00")
    reach = Reach(("mail",), digest_minutes=30, quiet_from=time(22), quiet_until=time(7), urgent_level=2)
    assert reach.find_due(1, now) == (_at("2026-01-11 07:00"), True)
    assert reach.find_due(2, now) == (now, False)
    assert Reach(("mail",), digest_minutes=30).find_due(0, now) == (now + timedelta(minutes=30), True)


def test_who_wants_only_higher_levels_is_still_told_what_has_none() -> None:
    reach = Reach(("mail",), from_level=2)
    assert [reach.wants(level) for level in (0, 1, 2, 3)] == [True, False, True, True]
    assert not Reach(("mail",), is_off=True).wants(0)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - made aware below
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"]),
)
def test_nobody_waits_more_than_a_day_and_never_back(
    now: datetime, start: time, end: time, zone: str
) -> None:
    reach = Reach(("mail",), quiet_from=start, quiet_until=end, time_zone=zone)
    due, _ = reach.find_due(0, now.replace(tzinfo=UTC))
    assert timedelta(0) <= due - now.replace(tzinfo=UTC) <= timedelta(hours=49)


def test_waits_grow_and_stay_bounded() -> None:
    waits = [wait_after(tries) for tries in range(1, MOST_TRIES + 1)]
    assert waits[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert max(waits) == waits[-1] == timedelta(hours=4)
    assert sum(waits, timedelta()) > timedelta(days=1)


def test_a_channel_is_left_alone_after_five_failures_in_a_row() -> None:
    assert pause_after(4) is None
    assert [pause_after(n) for n in (5, 6, 50)] == [
        timedelta(seconds=30),
        timedelta(seconds=60),
        timedelta(minutes=10),
    ]


def test_time_zones_are_known_by_name() -> None:
    assert is_time_zone("Europe/Berlin")
    assert not is_time_zone("../../etc/passwd")
