"""What clocks tell as they run: warnings, levels, and what queues do at missed deadlines. Each once, whoever looks."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from escalation.escrow import claim_ticket, pause_ticket, resume_ticket
from escalation.escrow.breach_actions import act_on_breaches
from escalation.models import (
    Alarm,
    AuditLine,
    BreachAction,
    BreachDeed,
    ClockWarning,
    EscalationLevel,
    Notice,
    ReviewQueue,
    Ticket,
    read_clock,
)
from escalation.watch import look_at_tickets
from tests.integration.escalation.clocks import at, at_time, give_calendar, make_calendar, minutes
from tests.integration.escalation.desk import hold, race

pytestmark = pytest.mark.django_db
FRIDAY = "2026-11-20T16:58"


@pytest.fixture
def friday() -> Ticket:
    """A ticket with 1 and 5 minutes, opened two minutes before the weekend of an office."""
    give_calendar(make_calendar())
    with at_time(FRIDAY):
        return hold()[0]


@pytest.fixture
def leads() -> Group:
    """A group with a lead, and one who has left."""
    group = Group.objects.create(name="leads")
    group.user_set.add(User.objects.create_user("lea"), User.objects.create_user("old", is_active=False))
    return group


def _look(*times: str) -> None:
    for time in times:
        with at_time(time):
            Ticket.objects.update(next_look_at=at(FRIDAY))
            look_at_tickets()


def _level(level: int, groups: Iterable[Group] = (), **says: Any) -> EscalationLevel:
    row = EscalationLevel.objects.create(queue=ReviewQueue.objects.get(), level=level, **says)
    row.groups.set(groups)
    return row


def _next_look(ticket: Ticket) -> Any:
    return Ticket.objects.get(pk=ticket.pk).next_look_at


def _told() -> list[tuple[int, str, int, Any]]:
    return list(
        Alarm.objects.order_by("reached_at", "level").values_list("level", "kind", "round", "reached_at")
    )


def test_a_new_ticket_is_looked_at_once_and_then_when_there_is_something_to_tell(friday: Ticket) -> None:
    assert _next_look(friday) is not None
    _look("2026-11-20T16:58:10")

    assert _next_look(friday) == at("2026-11-20T16:58:30"), "half of the minute for a first look"
    assert ClockWarning.objects.count() == 0


def test_warnings_come_once_with_their_true_time_in_business_time(friday: Ticket) -> None:
    _look("2026-11-20T16:58:31", "2026-11-20T16:58:32", "2026-11-23T12:00", "2026-11-23T12:01")

    warned = ClockWarning.objects.order_by("deadline", "percent")
    assert list(warned.values_list("deadline", "percent", "reached_at", "found_at")) == [
        ("first_touch", 50, at("2026-11-20T16:58:30"), at("2026-11-20T16:58:31")),
        ("first_touch", 75, at("2026-11-20T16:58:45"), at("2026-11-23T12:00")),
        ("first_touch", 100, at("2026-11-20T16:59"), at("2026-11-23T12:00")),
        ("resolution", 50, at("2026-11-23T09:00:30"), at("2026-11-23T12:00")),
        ("resolution", 75, at("2026-11-23T09:01:45"), at("2026-11-23T12:00")),
        ("resolution", 100, at("2026-11-23T09:03"), at("2026-11-23T12:00")),
    ]
    keys = sorted(Notice.objects.filter(happening="warned").values_list("key", flat=True))
    assert len(keys) == 6
    assert sorted(Notice.objects.filter(happening="breached").values_list("key", flat=True)) == [
        f"breach:{friday.pk}:first_touch",
        f"breach:{friday.pk}:resolution",
    ]


def test_a_queue_says_when_it_warns(friday: Ticket) -> None:
    ReviewQueue.objects.update(warn_at=[90])

    _look("2026-11-23T09:02:31")

    assert sorted(ClockWarning.objects.values_list("deadline", "percent")) == [
        ("first_touch", 90),
        ("resolution", 90),
    ]


def test_a_first_look_in_time_is_warned_of_no_further(friday: Ticket, anna: User) -> None:
    with at_time("2026-11-20T16:58:40"):
        claim_ticket(friday.pk, anna)
    _look("2026-11-20T16:59:50")

    assert list(ClockWarning.objects.values_list("deadline", "percent")) == [("first_touch", 50)]


def test_clocks_that_stand_still_tell_nothing(friday: Ticket, anna: User, leads: Group) -> None:
    _level(1, [leads], after_percent=50)
    with at_time("2026-11-20T16:58:10"):
        pause_ticket(friday.pk, anna, "waits")
    _look("2026-11-23T12:00")
    assert (ClockWarning.objects.count(), Alarm.objects.count(), _next_look(friday)) == (0, 0, None)

    with at_time("2026-11-23T13:00"):
        resume_ticket(friday.pk, anna)
    _look("2026-11-23T13:02:20")

    assert _told() == [(1, "due", 0, at("2026-11-23T13:02:20"))]


def test_levels_are_told_in_their_order_and_again(friday: Ticket, leads: Group) -> None:
    _level(1, [leads], after_percent=100)
    _level(2, [leads], after_percent=200, repeat_minutes=10)

    _look("2026-11-23T09:03:30", "2026-11-23T09:08", "2026-11-23T09:12", "2026-11-23T09:17:59")
    assert _told() == [(1, "due", 0, at("2026-11-23T09:03")), (2, "due", 0, at("2026-11-23T09:08"))]
    assert _next_look(friday) == at("2026-11-23T09:18")

    # Nobody looked for an hour: the newest round is told, with its true time, and not all of them.
    _look("2026-11-23T10:09")
    assert _told()[-1] == (2, "due", 6, at("2026-11-23T10:08"))
    assert Alarm.objects.count() == 3
    told = Notice.objects.filter(happening="level").order_by("level", "person")
    each = [("lea", 1), (None, 1), ("lea", 2), ("lea", 2), (None, 2), (None, 2)]
    assert list(told.values_list("person__username", "level")) == each, (
        "in person, and over the queue's channels"
    )


def test_a_level_is_told_of_what_was_looked_at_and_not_decided(
    friday: Ticket, anna: User, leads: Group
) -> None:
    _level(1, [leads], after_percent=1000, claimed_minutes=2, repeat_minutes=5)
    with at_time("2026-11-20T16:58:30"):
        claim_ticket(friday.pk, anna)

    _look("2026-11-23T09:00:29")
    assert _told() == []
    _look("2026-11-23T09:00:30", "2026-11-23T09:05:31")

    assert _told() == [
        (1, "claimed", 0, at("2026-11-23T09:00:30")),
        (1, "claimed", 1, at("2026-11-23T09:05:30")),
    ]


def test_a_missed_deadline_tells_the_next_level(friday: Ticket, leads: Group) -> None:
    _level(1, [leads], after_percent=100)
    _level(2, [leads], after_percent=1000)
    BreachAction.objects.create(queue=friday.queue, deadline="resolution", step="tell")

    _look("2026-11-23T09:03:01", "2026-11-23T09:03:02")

    assert [(level, kind) for level, kind, _, _ in _told()] == [(1, "due"), (2, "breach")]
    assert BreachDeed.objects.get().outcome == "level 2 was told: leads"
    told = Notice.objects.filter(key=f"level:{friday.pk}:breach:resolution").order_by("person")
    assert list(told.values_list("person__username", "level")) == [("lea", 2), (None, 2)]


def test_a_queue_without_levels_says_that_nobody_was_told(friday: Ticket) -> None:
    BreachAction.objects.create(queue=friday.queue, deadline="first_touch", step="tell")

    _look("2026-11-20T16:59:01")

    assert BreachDeed.objects.get().outcome.startswith("nobody was told")


def test_a_missed_deadline_sends_the_ticket_on_and_buys_it_no_time(friday: Ticket) -> None:
    other = ReviewQueue.objects.create(project=friday.queue.project, slug="other", name="Other")
    BreachAction.objects.create(queue=friday.queue, deadline="first_touch", step="reroute", to_queue=other)
    BreachAction.objects.create(queue=other, deadline="first_touch", step="reroute", to_queue=friday.queue)

    _look("2026-11-20T16:59:01", "2026-11-20T16:59:02", "2026-11-20T16:59:03")

    friday.refresh_from_db()
    assert friday.queue == other, "it goes once, not to and fro"
    assert friday.due_at == at("2026-11-23T09:03")
    assert BreachDeed.objects.get().outcome == "it went to “Other”"
    assert AuditLine.objects.filter(act="rerouted", actor_name="engine").count() == 1


def test_a_queue_that_is_gone_keeps_the_ticket(friday: Ticket) -> None:
    BreachAction.objects.create(queue=friday.queue, deadline="first_touch", step="reroute")

    _look("2026-11-20T16:59:01")

    assert BreachDeed.objects.get().outcome.startswith("it stayed")


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_tell_once() -> None:
    (ticket,) = hold()
    group = Group.objects.create(name="leads")
    group.user_set.add(User.objects.create_user("lea"))
    _level(1, [group], after_percent=1)
    BreachAction.objects.create(queue=ticket.queue, deadline="first_touch", step="tell")
    with at_time(str((ticket.due_at + minutes(5)).replace(tzinfo=None))):
        assert race([look_at_tickets] * 4) == [None] * 4
        Ticket.objects.update(next_look_at=read_clock())
        assert race([look_at_tickets] * 4) == [None] * 4

    assert Alarm.objects.count() == 2
    assert BreachDeed.objects.count() == 1
    assert ClockWarning.objects.count() == 6
    told = Notice.objects.filter(happening="level").values_list("person__username", flat=True)
    assert sorted(told, key=str) == [None, None, "lea", "lea"]


@pytest.mark.django_db(transaction=True)
def test_a_ticket_that_is_being_decided_is_left_alone() -> None:
    (ticket,) = hold()
    before = _next_look(ticket)

    with transaction.atomic():
        Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
        assert race([look_at_tickets]) == [None]
    assert _next_look(ticket) == before

    look_at_tickets()
    assert _next_look(ticket) > before


def _count_statements() -> int:
    with CaptureQueriesContext(connection) as asked:
        look_at_tickets()
    return len(asked)


def test_many_are_looked_at_in_as_many_statements_as_one(leads: Group) -> None:
    with at_time(FRIDAY):
        one, *others = [hold()[0] for _ in range(5)]
    _level(1, [leads], after_percent=50, repeat_minutes=1)
    with at_time("2026-11-20T17:30"):
        Ticket.objects.exclude(pk=one.pk).update(next_look_at=None)
        alone = _count_statements()
        Ticket.objects.filter(pk__in=[other.pk for other in others]).update(next_look_at=at(FRIDAY))
        assert _count_statements() == alone

    assert Alarm.objects.values("ticket").distinct().count() == 5
    assert ClockWarning.objects.count() == 5 * 6
    assert Notice.objects.count() == 5 * (6 + 2 + 2), (
        "warnings, missed deadlines, a level to a lead and the channels"
    )
    assert set(Ticket.objects.values_list("next_look_at", flat=True)) == {at("2026-11-20T17:30:30")}


def test_one_that_can_not_be_looked_at_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    with at_time(FRIDAY):
        first, broken, last = (hold()[0] for _ in range(3))
    Ticket.objects.filter(pk=broken.pk).update(title="broken")

    def find(ticket: Ticket, *rest: Any) -> Any:
        if ticket.title == "broken":
            raise ZeroDivisionError
        return act_on_breaches(ticket, *rest)

    monkeypatch.setattr("escalation.escrow.looking.act_on_breaches", find)
    before = read_clock()
    _look("2026-11-20T16:59")

    assert set(ClockWarning.objects.values_list("ticket", flat=True)) == {first.pk, last.pk}
    later = _next_look(broken)
    assert minutes(0.9) < later - before < minutes(2), "so that many such stand before no others"


def test_a_sweep_ends_after_a_while_however_much_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    with at_time(FRIDAY):
        tickets = [hold()[0] for _ in range(3)]
    monkeypatch.setattr("escalation.watch.clocks._TOGETHER", 1)
    clock = SimpleNamespace(monotonic=iter(range(100)).__next__)
    monkeypatch.setattr("orchestration.maintenance.each.time", clock)

    _look("2026-11-20T16:59")
    assert ClockWarning.objects.values("ticket").distinct().count() == 1
    assert [_next_look(one) == at(FRIDAY) for one in tickets].count(True) == 2
