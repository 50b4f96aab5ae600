"""Clocks that are stopped, go on, and go by another calendar: what is due, and what the database refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from escalation.errors import ClockInvalid, ClockRefused, TicketResolved
from escalation.escrow import (
    DatabaseEscalator,
    claim_ticket,
    pause_ticket,
    replan_ticket,
    resolve_ticket,
    resume_ticket,
)
from escalation.models import AuditLine, Breach, CalendarVersion, Pause, Replan, Ticket
from orchestration.domain.states import ResolutionKind
from tests.integration.escalation.clocks import OFFICE, at, at_time, give_calendar, make_calendar, minutes
from tests.integration.escalation.desk import hold

pytestmark = pytest.mark.django_db
FRIDAY = "2026-11-20T16:58"


@pytest.fixture
def friday() -> Ticket:
    """A ticket with 1 and 5 minutes, opened two minutes before the weekend of an office."""
    give_calendar(make_calendar())
    with at_time(FRIDAY):
        return hold()[0]


def test_a_ticket_opens_in_the_business_time_of_its_queue(friday: Ticket) -> None:
    assert friday.first_touch_due_at == at("2026-11-20T16:59")
    assert friday.due_at == at("2026-11-23T09:03")
    assert friday.calendar_version == make_calendar().current
    assert (friday.first_touch_within, friday.resolution_within) == (minutes(1), minutes(5))
    assert friday.desk_note == ""


def test_a_pause_over_a_weekend_takes_no_time(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-20T16:59:30"):
        pause_ticket(friday.pk, anna, "waits for the customer")
    with at_time("2026-11-24T10:00"):
        ticket = resume_ticket(friday.pk, anna)

    # Half a minute was left of Friday, and three of Monday: from Tuesday at 10:00 on.
    assert ticket.due_at == at("2026-11-24T10:03:30")
    # It was missed before, and stays so.
    assert ticket.first_touch_due_at == at("2026-11-20T16:59")
    assert ticket.paused_at is None
    [pause], [replan] = Pause.objects.all(), Replan.objects.all()
    assert (pause.reason, pause.by_name, pause.end_cause, pause.ended_by_name) == (
        "waits for the customer",
        "anna",
        "person",
        "anna",
    )
    assert (replan.number, replan.cause, replan.pause) == (1, "resumed", pause)
    assert (replan.due_before, replan.due_after) == (at("2026-11-23T09:03"), ticket.due_at)
    assert list(AuditLine.objects.filter(ticket=ticket).values_list("act", flat=True)) == [
        "paused",
        "resumed",
    ]


def test_a_pause_that_ends_by_itself_ends_at_its_time_however_late(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-23T09:01"):
        pause_ticket(friday.pk, anna, "asks the bank", resume_at=at("2026-11-23T10:00"))
    with at_time("2026-11-23T15:00"):
        ticket = claim_ticket(friday.pk, anna)

    assert ticket.due_at == at("2026-11-23T10:02")
    assert Pause.objects.get().ended_at == at("2026-11-23T10:00")
    assert [b.due_at for b in Breach.objects.filter(deadline="resolution")] == [at("2026-11-23T10:02")]


def test_nothing_is_missed_while_the_clocks_stand_still(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-20T16:58:30"):
        pause_ticket(friday.pk, anna, "waits for the customer")
    with at_time("2026-11-23T12:00"):
        claim_ticket(friday.pk, anna)
        resolve_ticket(friday.pk, anna, ResolutionKind.APPROVE, claim_number=None, seen_digest=None)

    ticket = Ticket.objects.get(pk=friday.pk)
    assert Breach.objects.count() == 0
    assert ticket.resolved_at is not None
    assert ticket.resolved_at <= ticket.due_at, "told against its end, as of any other ticket"
    assert Pause.objects.get().end_cause == "closed"


def test_a_withdrawn_ticket_ends_its_pause(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-20T16:58:30"):
        pause_ticket(friday.pk, anna, "waits")
    with at_time("2026-11-23T12:00"):
        DatabaseEscalator().withdraw_tickets([friday.step_id], "cancelled")

    assert Breach.objects.count() == 0
    assert Pause.objects.get().end_cause == "closed"


def test_what_was_missed_before_a_pause_is_found_during_it(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-23T09:04"):
        pause_ticket(friday.pk, anna, "too late")
    with at_time("2026-11-23T12:00"):
        claim_ticket(friday.pk, anna)

    assert [b.deadline for b in Breach.objects.all()] == ["first_touch", "resolution"]


def test_a_change_of_the_calendar_leaves_open_tickets_as_they_were(friday: Ticket, anna: User) -> None:
    make_calendar({**OFFICE, "sat": ["09:00-12:00"]})
    with at_time("2026-11-20T16:58"):
        (other,) = hold()

    friday.refresh_from_db()
    assert friday.due_at == at("2026-11-23T09:03")
    assert other.due_at == at("2026-11-21T09:03"), "what opens from then on goes by the new one"


def test_a_ticket_is_planned_again_by_the_new_calendar(friday: Ticket, anna: User) -> None:
    before = friday.calendar_version
    make_calendar({**OFFICE, "sat": ["09:00-12:00"]})

    with at_time("2026-11-20T17:30"):
        ticket = replan_ticket(friday.pk, anna)

    assert ticket.due_at == at("2026-11-21T09:03"), "two minutes were used, three are left"
    assert ticket.first_touch_due_at == at("2026-11-20T16:59"), "what is over stays over"
    replan = Replan.objects.get()
    assert (replan.cause, replan.calendar_before, replan.by_name) == ("calendar", before, "anna")
    assert replan.calendar_after == ticket.calendar_version != before
    with pytest.raises(ClockRefused, match="newest calendar"):
        replan_ticket(friday.pk, anna)


def test_a_queue_without_a_calendar_any_more_counts_around_the_clock(friday: Ticket, anna: User) -> None:
    give_calendar(None)

    with at_time("2026-11-20T17:30"):
        ticket = replan_ticket(friday.pk, anna)

    assert ticket.due_at == at("2026-11-20T17:33")
    assert ticket.calendar_version is None


def test_a_calendar_that_can_not_be_counted_by_stops_no_ticket() -> None:
    days = [{"date": str((at("2026-11-20T00:00") + timedelta(days=day)).date())} for day in range(400)]
    give_calendar(make_calendar(OFFICE, days))

    with at_time(FRIDAY):
        (ticket,) = hold()

    assert ticket.due_at == at("2026-11-20T17:03")
    assert ticket.calendar_version is None
    assert "around the clock" in ticket.desk_note


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"time_zone": "Mars/Olympus", "hours_json": "{}"}, "there is no time zone 'Mars/Olympus'"),
        ({"time_zone": "UTC", "hours_json": "{"}, "this is no JSON"),
        (None, "says nothing yet"),
    ],
)
def test_a_broken_calendar_stops_no_ticket(row: dict[str, str] | None, words: str) -> None:
    calendar = make_calendar(name="Old")
    calendar.current = None
    if row is not None:
        calendar.current = CalendarVersion.objects.create(
            calendar=calendar, number=2, holidays_json="[]", made_by_name="", **row
        )
    calendar.save()
    give_calendar(calendar)

    with at_time(FRIDAY):
        (ticket,) = hold()

    assert ticket.due_at == at("2026-11-20T17:03")
    assert "“Old”" in ticket.desk_note
    assert words in ticket.desk_note


def test_a_pause_needs_a_reason_and_a_time_to_come(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-20T16:58:30"):
        with pytest.raises(ClockInvalid, match="reason: say why"):
            pause_ticket(friday.pk, anna, "  ")
        for wrong in ("2026-11-20T16:58:30", "2027-11-24T00:00"):
            with pytest.raises(ClockInvalid, match="resume_at: give a time that is to come"):
                pause_ticket(friday.pk, anna, "why", resume_at=at(wrong))
        with pytest.raises(ClockInvalid, match="resume_at: say in which time zone"):
            pause_ticket(friday.pk, anna, "why", resume_at=at("2026-11-21T00:00").replace(tzinfo=None))
    assert Pause.objects.count() == 0


def test_clocks_are_stopped_and_resumed_once(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-20T16:58:30"):
        with pytest.raises(ClockRefused, match="nothing to resume"):
            resume_ticket(friday.pk, anna)
        pause_ticket(friday.pk, anna, "why")
        with pytest.raises(ClockRefused, match="stand still since 16:58:30"):
            pause_ticket(friday.pk, anna, "why")
        with pytest.raises(ClockRefused, match="stand still"):
            replan_ticket(friday.pk, anna)


def test_a_closed_ticket_has_no_clocks(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-20T16:58:30"):
        claim_ticket(friday.pk, anna)
        resolve_ticket(friday.pk, anna, ResolutionKind.APPROVE, claim_number=None, seen_digest=None)
        with pytest.raises(TicketResolved):
            pause_ticket(friday.pk, anna, "why")


@contextmanager
def _taken_back() -> Iterator[None]:
    """Roll back what is written inside: a re-plan that is not carried out can't be committed."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _replan(ticket: Ticket, **changes: Any) -> Replan:
    facts: dict[str, Any] = {
        "ticket": ticket,
        "number": 1,
        "at": ticket.opened_at,
        "cause": "calendar",
        "first_touch_due_before": ticket.first_touch_due_at,
        "first_touch_due_after": ticket.first_touch_due_at,
        "due_before": ticket.due_at,
        "due_after": ticket.due_at + minutes(60),
        "calendar_before": ticket.calendar_version,
        "calendar_after": ticket.calendar_version,
    }
    return Replan.objects.create(**{**facts, **changes})


@pytest.mark.parametrize(
    ("row", "written"),
    [
        (None, {"due_at": 60, "replan_number": 1}),
        (None, {"replan_number": 1}),
        ({}, {"due_at": 60}),
        ({}, {"due_at": 61, "replan_number": 1}),
        ({}, {"due_at": 60, "replan_number": 2}),
        ({"number": 2}, {"due_at": 60, "replan_number": 2}),
        ({"due_before": at("2026-01-01T00:00")}, {"due_at": 60, "replan_number": 1}),
        ({}, {"due_at": 60, "replan_number": 1, "first_touch_due_at": 1}),
        ({"calendar_after": None}, {"due_at": 60, "replan_number": 1}),
        ({"number": 2}, {"due_at": 60, "replan_number": 1}),
    ],
)
def test_no_due_time_changes_but_as_a_re_plan_says(
    friday: Ticket, row: dict[str, Any] | None, written: dict[str, Any]
) -> None:
    moved = {k: getattr(friday, k) + minutes(v) if k.endswith("_at") else v for k, v in written.items()}

    with _taken_back():
        if row is not None:
            _replan(friday, **row)
        with pytest.raises(DatabaseError, match="never changes without a re-plan"), transaction.atomic():
            Ticket.objects.filter(pk=friday.pk).update(**moved)


def test_a_re_plan_that_its_ticket_did_not_follow_is_refused(friday: Ticket) -> None:
    with _taken_back():
        _replan(friday)
        with pytest.raises(DatabaseError, match="was not carried out"), transaction.atomic():
            connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_clocks_stand_still_with_a_pause_only(friday: Ticket, anna: User) -> None:
    with pytest.raises(DatabaseError, match="with a pause only"), transaction.atomic():
        Ticket.objects.filter(pk=friday.pk).update(paused_at=friday.opened_at)
    with at_time("2026-11-20T16:58:30"):
        pause_ticket(friday.pk, anna, "why")
    with pytest.raises(DatabaseError, match="with a pause only"), transaction.atomic():
        Ticket.objects.filter(pk=friday.pk).update(paused_at=None)
    with at_time("2026-11-20T16:59:30"):
        resume_ticket(friday.pk, anna)
    with pytest.raises(DatabaseError, match="with a pause only"), transaction.atomic():
        Ticket.objects.filter(pk=friday.pk).update(paused_at=Pause.objects.get().started_at)


def test_a_pause_ends_once_and_says_the_same_for_ever(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-20T16:58:30"):
        pause_ticket(friday.pk, anna, "why")
    for change in ({"reason": "other"}, {"started_at": at("2026-01-01T00:00")}, {"by_id": None}):
        with pytest.raises(DatabaseError, match="a pause ends once"), transaction.atomic():
            Pause.objects.update(**change)
    with at_time("2026-11-20T16:59:30"):
        resume_ticket(friday.pk, anna)
    with pytest.raises(DatabaseError, match="a pause ends once"), transaction.atomic():
        Pause.objects.update(ended_at=at("2027-01-01T00:00"))
