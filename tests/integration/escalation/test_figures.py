"""Figures of hours: what is counted, that counting again changes nothing, and that what comes late is counted too."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Sum

from escalation.domain.histogram import find_bucket
from escalation.domain.measures import Figures, Measure
from escalation.figures import Period, Reading, fold_hours, read_figures, rebuild
from escalation.figures.attempts import find_first_attempt
from escalation.figures.folding import DAY, HOUR, _count_hours, begin_day, begin_hour
from escalation.figures.measuring import _bucket
from escalation.models import (
    AgentHour,
    Breach,
    BreachDeed,
    DayFigure,
    FoldedHour,
    HourFigure,
    ReviewQueue,
    Ticket,
    read_clock,
)
from orchestration.models import Attempt
from tests.integration.escalation.desk import hold, race
from tests.integration.escalation.figured import place_ticket
from tests.integration.orchestration.rig import race as in_step

pytestmark = pytest.mark.django_db


@pytest.fixture
def past() -> datetime:
    """Ten minutes into an hour that ended three hours ago."""
    return begin_hour(read_clock()) - 3 * HOUR + timedelta(minutes=10)


def _fold_all() -> None:
    while fold_hours():
        pass


def _read(since: datetime, until: datetime | None = None) -> Reading:
    now = read_clock()
    queues = list(ReviewQueue.objects.values_list("pk", flat=True))
    projects = list(ReviewQueue.objects.values_list("project", flat=True))
    return read_figures(Period.build(since, until or now), queues, projects, now)


def _kept() -> list[tuple[Any, ...]]:
    columns = ("hour", "queue", "agent", "rule", "measure", "bucket", "count")
    return sorted(HourFigure.objects.values_list(*columns))


def _counts(figures: Figures) -> dict[str, int]:
    return {measure: figures.count(measure) for measure in figures.counts}


def test_an_hour_counts_what_happened_in_it(past: datetime, anna: User) -> None:
    place_ticket(past, touched=20, resolved=50, by=anna, kind="approve", confidence=0.5)
    place_ticket(past, touched=40, resolved=90, by=anna, kind="edit", late=True, confidence=0.5)
    place_ticket(past, touched=40, resolved=2 * 3600, by=anna, kind="skip", confidence=0.62)
    _fold_all()

    total = _read(past).total
    assert _counts(total) == {
        "opened": 3 + 3,  # those of the runs that were started to make them, too
        "touched": 3,
        "touch_time": 3,
        "touch_kept": 3,
        "decided_approve": 1,
        "decided_edit": 1,
        "decided_skip": 1,
        "decision_time": 3,
        "kept": 2,
        "missed": 1,
        "right": 1,
        "wrong": 2,
        "edited": 1,
    }
    assert total.sla_share == pytest.approx(2 / 3)
    assert total.overturn_share == pytest.approx(2 / 3)
    assert total.edit_share == pytest.approx(1 / 3)
    assert total.tell(Measure.DECISION_TIME, 0.5) == pytest.approx(90, rel=0.05)
    assert total.tell(Measure.TOUCH_TIME, 0.9) == pytest.approx(40, rel=0.05)


def test_what_happened_later_counts_in_its_own_hour(past: datetime, anna: User) -> None:
    place_ticket(past, touched=20, resolved=2 * 3600, by=anna, kind="skip")
    _fold_all()

    hour = begin_hour(past)
    kept = dict(
        HourFigure.objects.filter(measure__in=("opened", "decided_skip")).values_list("measure", "hour")
    )
    assert kept == {"opened": hour, "decided_skip": hour + 2 * HOUR}


def test_an_open_ticket_that_is_overdue_is_missed_at_once(past: datetime) -> None:
    place_ticket(past, late=True)
    _fold_all()

    assert _read(past).total.sla_share == 0.0


def test_counting_again_changes_nothing(past: datetime, anna: User) -> None:
    place_ticket(past, touched=20, resolved=50, by=anna)
    place_ticket(past - 30 * HOUR, touched=20, resolved=50, by=anna, kind="send_back")
    _fold_all()
    hours, days = _kept(), sorted(DayFigure.objects.values_list("day", "measure", "bucket", "count"))

    assert rebuild(past - 40 * HOUR, read_clock()) == FoldedHour.objects.count() == 31 + 2
    assert fold_hours() == 0
    assert _kept() == hours
    assert sorted(DayFigure.objects.values_list("day", "measure", "bucket", "count")) == days
    assert days


def test_a_breach_that_is_found_late_is_counted_in_the_hour_of_its_due_time(
    past: datetime, anna: User
) -> None:
    ticket = place_ticket(past, touched=20, resolved=90, by=anna)
    _fold_all()
    assert _read(past).total.count(Measure.KEPT) == 1

    found_at = read_clock() - timedelta(minutes=10)
    Breach.objects.create(ticket=ticket, deadline="resolution", due_at=ticket.due_at, found_at=found_at)
    FoldedHour.objects.update(folded_at=found_at - timedelta(minutes=1))

    _fold_all()
    total = _read(past).total
    assert (total.count(Measure.KEPT), total.count(Measure.MISSED)) == (0, 1)
    assert fold_hours() == 0


def test_a_ticket_that_went_to_another_queue_takes_its_figures_along(past: datetime, anna: User) -> None:
    ticket = place_ticket(past, touched=20, due_at=past + 2 * HOUR)
    former = ticket.queue
    other = ReviewQueue.objects.create(project=former.project, slug="b", name="B")
    _fold_all()
    assert _read(past).by_queue[former.pk].count(Measure.TOUCHED) == 1

    moved_at = read_clock() - timedelta(minutes=10)
    Breach.objects.create(ticket=ticket, deadline="resolution", due_at=ticket.due_at, found_at=moved_at)
    Ticket.objects.filter(pk=ticket.pk).update(queue=other)
    BreachDeed.objects.create(ticket=ticket, deadline="resolution", step="reroute", outcome="", at=moved_at)
    FoldedHour.objects.update(folded_at=moved_at - timedelta(minutes=1))
    _fold_all()

    first = _read(begin_hour(past), begin_hour(past) + HOUR)
    assert _counts(first.by_queue[other.pk]) == {"opened": 1, "touched": 1, "touch_time": 1, "touch_kept": 1}
    assert former.pk not in first.by_queue
    assert _read(begin_hour(past) + 2 * HOUR).by_queue[other.pk].count(Measure.MISSED) == 1
    assert fold_hours() == 0


def test_what_was_committed_after_its_hour_was_counted_is_counted(past: datetime) -> None:
    place_ticket(past)
    _fold_all()
    late = place_ticket(past + HOUR)
    end = begin_hour(late.opened_at) + HOUR
    FoldedHour.objects.filter(hour=end - HOUR).update(folded_at=end + timedelta(seconds=1))

    _fold_all()

    assert HourFigure.objects.filter(hour=end - HOUR, measure="opened").exists()


def test_the_hour_under_way_is_live_and_not_kept(anna: User) -> None:
    now = read_clock()
    (ticket,) = hold()
    _fold_all()

    reading = _read(now)
    assert reading.total.count(Measure.OPENED) == 1
    assert not HourFigure.objects.filter(hour=begin_hour(ticket.opened_at)).exists()
    assert reading.missing_since is None


@pytest.mark.parametrize("folds", [True, False])
def test_kept_and_live_hours_tell_the_same(folds: bool, past: datetime, anna: User) -> None:
    place_ticket(past, touched=20, resolved=50, by=anna)
    if folds:
        _fold_all()
    else:
        FoldedHour.objects.create(hour=begin_hour(past) - HOUR, folded_at=read_clock())

    total = _read(past).total
    assert _counts(total)["decided_approve"] == 1
    assert total.tell(Measure.DECISION_TIME, 0.5) == pytest.approx(50, rel=0.05)


def test_a_long_period_is_told_by_the_day_with_each_moment_once(past: datetime, anna: User) -> None:
    for days in range(4):
        place_ticket(past - timedelta(days=days), touched=20, resolved=50, by=anna)
    _fold_all()

    reading = _read(past - timedelta(days=3))
    assert reading.period.by_day
    assert reading.total.count("decided_approve") == 4
    by_day = {day: figures.count("decided_approve") for day, figures in reading.by_slot.items()}
    assert {begin_day(day): count for day, count in by_day.items() if count} == {
        begin_day(past - timedelta(days=days)): 1 for days in range(4)
    }
    # From days alone: what the hours say is no longer asked.
    HourFigure.objects.filter(hour__lt=begin_day(read_clock())).update(count=1000)
    assert _read(past - timedelta(days=3)).total.count("decided_approve") == 4


def test_sums_are_told_by_queue_agent_and_rule(past: datetime, anna: User) -> None:
    place_ticket(past, touched=20, resolved=50, by=anna, rule="low_confidence")
    place_ticket(past, touched=20, resolved=50, by=anna, kind="abort", rule="bad_input")
    _fold_all()

    reading = _read(begin_hour(past), begin_hour(past) + HOUR)
    queue = Ticket.objects.values_list("queue", flat=True)[0]
    assert _counts(reading.by_queue[queue]) == _counts(reading.total)
    agent = reading.by_agent["test.writer"]
    assert (agent.count(Measure.RIGHT), agent.count(Measure.WRONG)) == (1, 1)
    assert _counts(reading.by_rule["test.writer", "bad_input"]) == {"opened": 1}


def test_a_sweep_begins_no_further_hour_when_its_time_is_over(past: datetime, anna: User) -> None:
    place_ticket(past, touched=20, resolved=50, by=anna)
    assert fold_hours(seconds=0) == 1
    assert fold_hours(seconds=0) == 1
    assert list(FoldedHour.objects.values_list("hour", flat=True)) == [
        begin_hour(past) + 2 * HOUR,
        begin_hour(past) + HOUR,
    ]
    assert fold_hours() == 1
    assert _read(past).total.count("decided_approve") == 1


def test_what_an_agent_did_is_counted_to_tell_a_rate_from() -> None:
    hold()
    now = read_clock()
    _count_hours([begin_hour(now)], now)

    assert dict(AgentHour.objects.values_list("agent", "attempts")) == {"test.facts": 1, "test.writer": 1}
    assert _read(now).attempts == {"test.facts": 1, "test.writer": 1}


def test_the_first_attempt_of_a_moment_is_found_by_its_number() -> None:
    hold()
    like = Attempt.objects.order_by("pk").last()
    assert like is not None
    starts = [like.started_at + timedelta(seconds=10 * n) for n in range(1, 20)]
    new = [
        Attempt(
            step=like.step,
            run_id=like.run_id,
            number=10 + n,
            token=uuid4(),
            task_id="",
            started_at=start,
            finished_at=start,
            outcome="succeeded",
            agent="x",
        )
        for n, start in enumerate(starts)
    ]
    rows = Attempt.objects.bulk_create(new)

    for row in rows:
        assert find_first_attempt(row.started_at - timedelta(seconds=1)) == row.pk
    assert find_first_attempt(starts[-1] + timedelta(days=9)) == rows[-1].pk + 1


def test_an_edit_of_passing_fields_leaves_the_agent_in_the_right(past: datetime, anna: User) -> None:
    ReviewQueue.objects.update(passing_edits=["greeting"])
    seen = '{"body":"x","greeting":"Hi"}'
    passing, other = '{"body":"x","greeting":"Dear Ada"}', '{"body":"y","greeting":"Hi"}'
    for output in (passing, other, '"text"'):
        place_ticket(past, touched=1, resolved=2, by=anna, kind="edit", seen_json=seen, output_json=output)
    _fold_all()

    total = _read(past).total
    assert (total.count(Measure.RIGHT), total.count(Measure.WRONG)) == (1, 2)


def test_what_was_not_proposed_or_not_decided_judges_nobody(past: datetime, anna: User) -> None:
    place_ticket(past, touched=1, resolved=2, by=anna, kind="skip", has_proposal=False)
    place_ticket(past, status="withdrawn", withdrawn_at=past + timedelta(seconds=5))
    place_ticket(past, touched=1, resolved=2, by=anna, kind="edit", subject="task")
    place_ticket(past, touched=1, resolved=2, kind="abort", resolved_rule="breach")
    place_ticket(past, resolved=2, kind="default", resolved_rule="breach", output_json='"else"')
    _fold_all()

    total = _read(past).total
    assert (total.overturn_share, total.edit_share, total.edits) == (None, None, 0)
    assert total.count(Measure.WITHDRAWN) == 1


def test_an_output_that_a_person_gave_is_no_edit_of_a_proposal(past: datetime, anna: User) -> None:
    place_ticket(past, touched=1, resolved=2, by=anna)
    for without in ({"has_proposal": False}, {"subject": "task"}):
        place_ticket(past, touched=1, resolved=2, by=anna, kind="edit", **without)
    _fold_all()

    total = _read(past).total
    assert total.decided == {"approve": 1, "edit": 2}
    assert (total.judged, total.edits, total.edit_share) == (1, 0, 0.0)


@pytest.mark.parametrize("seconds", [0.0, 0.004, 0.01, 0.0101, 1.0, 59.9, 300.0, 86_400.0, 4e7, 1e9])
def test_the_statement_finds_the_buckets_that_the_domain_finds(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_bucket('(%s * interval ' + chr(39) + '1 second' + chr(39) + ')')}", [seconds]
        )
        assert cursor.fetchone()[0] == find_bucket(seconds)


def test_without_tickets_there_is_nothing_to_count() -> None:
    assert fold_hours() == 0
    assert FoldedHour.objects.count() == 0
    reading = _read(datetime.now(UTC) - HOUR)
    assert reading.total.counts == {}


@pytest.mark.django_db(transaction=True)
def test_several_who_count_at_once_leave_one_count(anna: User) -> None:
    past = begin_hour(read_clock()) - 3 * HOUR
    place_ticket(past, touched=20, resolved=50, by=anna)
    _fold_all()
    before = _kept()

    answers = race([lambda: rebuild(past, read_clock())] * 4)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert _kept() == before


@pytest.mark.django_db(transaction=True)
def test_two_hours_of_one_day_counted_at_once_are_both_in_the_day(anna: User) -> None:
    # given: a day that is over, of which nothing is kept
    now = read_clock()
    day = begin_day(now) - 2 * DAY
    first, second = day + 3 * HOUR, day + 7 * HOUR
    place_ticket(first, touched=20, resolved=50, by=anna)
    place_ticket(second, touched=20, resolved=50, by=anna)
    place_ticket(second, touched=20)

    # when: the second begins while the first has counted and not committed
    assert in_step(lambda: _count_hours([first], now), lambda: _count_hours([second], now)) == 1

    opened = DayFigure.objects.filter(day=day, measure=Measure.OPENED)
    assert sum(opened.values_list("count", flat=True)) == 3
    columns = ("queue", "agent", "rule", "measure", "bucket")
    of_hours = HourFigure.objects.order_by(*columns).values(*columns).annotate(total=Sum("count"))
    of_day = (
        DayFigure.objects.filter(day=day).order_by(*columns).values(*columns).annotate(total=Sum("count"))
    )
    assert list(of_day) == list(of_hours)
