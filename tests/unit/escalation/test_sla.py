from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from escalation.checks import check_values
from escalation.conf import get_conf
from escalation.domain.calendar import build_calendar
from escalation.domain.sla import (
    SlaClass,
    describe_duration,
    describe_time_left,
    find_class,
    grade_time_left,
    is_missed,
    set_deadlines,
)

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis wants it naive and adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)
lengths = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=400))


@given(opened_at=moments, first=lengths, more=st.timedeltas(timedelta(0), timedelta(days=400)))
def test_deadlines_come_in_order_after_the_opening(
    opened_at: datetime, first: timedelta, more: timedelta
) -> None:
    deadlines = set_deadlines(SlaClass("any", first, first + more), opened_at)

    assert opened_at < deadlines.first_touch_due_at <= deadlines.due_at
    assert deadlines.due_at - opened_at == first + more


def test_deadlines_are_in_business_time() -> None:
    calendar = build_calendar("UTC", {"mon": ["09:00-17:00"]}, [])  # NOW is a Sunday

    deadlines = set_deadlines(SlaClass("any", timedelta(minutes=6), timedelta(minutes=30)), NOW, calendar)

    assert deadlines.first_touch_due_at == datetime(2026, 3, 30, 9, 6, tzinfo=UTC)
    assert deadlines.due_at == datetime(2026, 3, 30, 9, 30, tzinfo=UTC)
    assert deadlines.note == ""


def test_a_calendar_without_open_time_counts_as_none_and_says_so() -> None:
    closed = [{"date": str((NOW + timedelta(days=day)).date())} for day in range(400)]
    calendar = build_calendar("UTC", {"mon": ["09:00-17:00"]}, closed)

    deadlines = set_deadlines(SlaClass("any", timedelta(minutes=6), timedelta(minutes=30)), NOW, calendar)

    assert deadlines.due_at == NOW + timedelta(minutes=30)
    assert "not enough open time" in deadlines.note
    assert "around the clock" in deadlines.note


@given(due_at=moments, late=st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_a_deadline_is_missed_only_after_it(due_at: datetime, late: timedelta) -> None:
    assert is_missed(due_at, due_at + late) is (late > timedelta(0))


@pytest.mark.parametrize(("first", "resolution"), [(0, 5), (-1, 5), (6, 5)])
def test_clocks_that_can_not_be_kept_are_refused(first: int, resolution: int) -> None:
    with pytest.raises(ValueError, match="SLA class 'odd': first_touch"):
        SlaClass("odd", timedelta(seconds=first), timedelta(seconds=resolution))


def test_the_default_classes() -> None:
    classes = get_conf().sla_classes

    assert classes["customer-facing"].resolution == timedelta(minutes=5)
    assert classes["internal"].resolution == timedelta(minutes=30)
    assert all(sla.first_touch * 5 == sla.resolution for sla in classes.values())


def test_an_unknown_class_keeps_its_name() -> None:
    classes = get_conf().sla_classes

    found = find_class("moon", classes)

    internal = classes["internal"]
    assert found == SlaClass("moon", internal.first_touch, internal.resolution)
    assert find_class("internal", classes) is internal


def test_settings_add_classes_to_the_defaults(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SLA_SECONDS": {"night": (60, 7200)}}

    assert set(get_conf().sla_classes) == {"customer-facing", "internal", "night"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"SLA_SECONDS": {"night": (7200, 60)}},
        {"SLA_SECONDS": {"night": 60}},
        {"SLA_SECONDS": {"night": ("a", "b")}},
        {"SLA_SECONDS": {"night": (60, float("inf"))}},
        {"SLA_SECONDS": ["night"]},
        {"TICKET_CLAIM_SECONDS": 0},
        {"TICKET_CLAIM_SECONDS": "long"},
    ],
)
def test_settings_that_make_no_sense_are_named(settings: LazySettings, wrong: dict[str, object]) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, **wrong}

    with pytest.raises(ImproperlyConfigured, match=next(iter(wrong))):
        get_conf()
    assert [message.id for message in check_values()] == ["escalation.E001"]


def test_the_default_settings_pass_the_check() -> None:
    assert check_values() == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (252, "4 min 12 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7_260, "2 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert describe_duration(timedelta(seconds=seconds)) == words


def test_time_left_in_words() -> None:
    assert describe_time_left(NOW + timedelta(seconds=252), NOW) == "4 min 12 s left"
    assert describe_time_left(NOW, NOW) == "0 s left"
    assert describe_time_left(NOW - timedelta(seconds=61), NOW) == "1 min 1 s over"


@pytest.mark.parametrize(
    ("passed", "grade"), [(0, "ample"), (225, "ample"), (226, "short"), (300, "short"), (301, "over")]
)
def test_time_left_is_graded(passed: int, grade: str) -> None:
    due_at = NOW + timedelta(seconds=300)

    assert grade_time_left(NOW, due_at, NOW + timedelta(seconds=passed)) == grade
