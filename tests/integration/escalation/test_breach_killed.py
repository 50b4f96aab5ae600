"""kill -9 before each write and commit of what a queue does at a missed deadline: whole or not at all, and once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db.models import Count

from escalation.domain.notices import identify_notice, name_recipient
from escalation.models import (
    AuditLine,
    BreachAction,
    BreachDeed,
    ClockTimestamp,
    EscalationLevel,
    Notice,
    ReviewQueue,
    Ticket,
)
from orchestration.models import Receipt, Step
from tests.integration.escalation.clocks import at_time
from tests.integration.escalation.desk import go_on, hold
from tests.integration.escalation.test_closing_by_rule import LETTER_WITH_DEFAULT, SAFE
from tests.processes import PROJECT_DIR, child_env

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def _killer() -> Iterator["subprocess.Popen[str]"]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.escalation.killed"],
        cwd=PROJECT_DIR,
        env=dict(child_env()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _open(*steps: str) -> Ticket:
    """Open a ticket that has been late for years, in a queue that does all this about it."""
    with at_time("2020-11-23T09:00"):
        (ticket,) = hold(LETTER_WITH_DEFAULT)
    group = Group.objects.create(name="second line")
    for name in ("gail", "hal"):
        User.objects.create_user(name).groups.add(group)
    EscalationLevel.objects.create(queue=ticket.queue, level=1, after_percent=1000).groups.add(group)
    vip = ReviewQueue.objects.create(project=ticket.queue.project, slug="vip", name="VIP")
    places: dict[str, dict[str, Any]] = {"reroute": {"to_queue": vip}, "widen": {"to_group": group}}
    for step in steps:
        BreachAction.objects.create(
            queue=ticket.queue, deadline="resolution", step=step, **places.get(step, {})
        )
    return ticket


def _kill_everywhere(ticket: Ticket) -> int:
    """Kill looks before their first, second, ... write until one comes through; return how many died."""
    with _killer() as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for number in range(1, 200):
            Ticket.objects.filter(pk=ticket.pk, status="open").update(next_look_at=ClockTimestamp())
            child.stdin.write(f"{number}\n")
            child.stdin.flush()
            answer = child.stdout.readline().strip()
            _assert_whole(ticket)
            if answer != "killed":
                assert answer == "ended 0"
                return number - 1
    raise AssertionError("there is no end to the writes")


def _assert_whole(ticket: Ticket) -> None:
    """Ticket, step, deed, receipt and audit say the same, wherever the look was killed."""
    ticket.refresh_from_db()
    deeds = set(BreachDeed.objects.values_list("step", flat=True))
    by_rule = BreachDeed.objects.filter(step__in=("default", "abort")).exists()
    held = Step.objects.get(pk=ticket.step_id).status == "held"
    assert (ticket.is_open, held) == (not by_rule, not by_rule)
    assert Receipt.objects.filter(step=ticket.step_id).exists() == (ticket.resolution == "default")
    assert (ticket.queue.slug == "vip") == ("reroute" in deeds)
    assert BreachDeed.objects.filter(group__isnull=False).exists() == ("widen" in deeds)
    assert AuditLine.objects.filter(act="breached").count() == len(deeds)
    keys = Notice.objects.values("key", "person").annotate(times=Count("pk")).values_list("times", flat=True)
    assert set(keys) <= {1}
    for notice in Notice.objects.all():
        assert notice.pk == identify_notice(notice.key, name_recipient(notice.person_id, notice.channel))


def test_the_safe_default_is_used_once_wherever_the_look_was_killed() -> None:
    ticket = _open("tell", "default")

    assert _kill_everywhere(ticket) >= 10

    assert (ticket.resolution, ticket.resolved_rule) == ("default", "breach")
    assert BreachDeed.objects.count() == 2
    assert Receipt.objects.filter(step=ticket.step_id).count() == 1
    assert go_on(ticket).outputs["send"] == {"sent": SAFE}
    told = set(Notice.objects.filter(happening="level").values_list("person__username", flat=True))
    assert told == {"gail", "hal", None}, "each in person, and over the queue's channels"


def test_the_run_is_aborted_once_wherever_the_look_was_killed() -> None:
    ticket = _open("abort")

    assert _kill_everywhere(ticket) >= 8

    assert (ticket.resolution, ticket.resolved_rule) == ("abort", "breach")
    assert go_on(ticket).run.status == "failed"


def test_a_ticket_is_told_opened_and_moved_once_wherever_the_look_was_killed() -> None:
    ticket = _open("tell", "widen", "reroute")

    assert _kill_everywhere(ticket) >= 12

    assert sorted(BreachDeed.objects.values_list("step", flat=True)) == ["reroute", "tell", "widen"]
    assert ticket.is_open
    assert AuditLine.objects.filter(act="rerouted").count() == 1
    assert Notice.objects.filter(key__startswith="widened:").count() == 2
