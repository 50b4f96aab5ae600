"""Tickets that their queue closes when nobody decided in time: once, never beside a person, never an approval."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from escalation.errors import EscalationError
from escalation.escrow import claim_ticket, pause_ticket, release_ticket, resolve_ticket, resume_ticket
from escalation.models import BreachAction, BreachDeed, Ticket
from escalation.watch import assign_tickets, look_at_tickets
from orchestration import StepSpec
from orchestration.domain.states import ResolutionKind
from orchestration.errors import StepNotHeld
from orchestration.models import Receipt, Step
from orchestration.runs import cancel
from tests.integration.escalation.clocks import at, at_time
from tests.integration.escalation.desk import LETTER, go_on, hold, race

pytestmark = pytest.mark.django_db
OPENED, MISSED, LATER = "2026-11-23T09:00", "2026-11-23T09:06", "2026-11-23T09:20"
SAFE = {"body": "We are looking into it."}
LETTER_WITH_DEFAULT = replace(
    LETTER,
    name="safe-letter",
    steps=(
        StepSpec("facts", agent="test.facts"),
        StepSpec("draft", agent="test.writer", needs=("facts",), safe_default=SAFE),
        StepSpec("send", agent="test.sender", needs=("draft",)),
    ),
)


def _open(step: str, *, safe: bool = True) -> Ticket:
    with at_time(OPENED):
        (ticket,) = hold(LETTER_WITH_DEFAULT if safe else LETTER)
    BreachAction.objects.create(queue=ticket.queue, deadline="resolution", step=step)
    return ticket


def _look(time: str) -> None:
    with at_time(time):
        Ticket.objects.filter(status="open").update(next_look_at=at(OPENED))
        look_at_tickets()


def test_the_safe_default_is_used_when_nobody_decided() -> None:
    ticket = _open("default")

    _look("2026-11-23T09:05")
    assert Ticket.objects.get(pk=ticket.pk).is_open, "on the dot is in time"
    _look(MISSED)
    _look(LATER)

    ticket.refresh_from_db()
    assert (ticket.resolution, ticket.resolved_rule, ticket.resolved_by) == ("default", "breach", None)
    assert ticket.resolution_output == SAFE
    assert BreachDeed.objects.get().outcome == "it was decided by rule: default"
    step = Step.objects.get(pk=ticket.step_id)
    assert step.status == "succeeded"
    receipt = Receipt.objects.get(step=step)
    assert (receipt.kind, '"actor":"rule:breach"' in receipt.body_json) == ("default", True)
    assert go_on(ticket).outputs["send"] == {"sent": SAFE}


def test_the_run_is_aborted_when_the_queue_says_so() -> None:
    ticket = _open("abort")

    _look(MISSED)

    ticket.refresh_from_db()
    assert (ticket.resolution, ticket.resolved_rule) == ("abort", "breach")
    assert go_on(ticket).run.status == "failed"


def test_a_step_without_a_default_waits_for_a_person() -> None:
    ticket = _open("default", safe=False)

    _look(MISSED)
    _look(LATER)

    assert Ticket.objects.get(pk=ticket.pk).is_open
    assert BreachDeed.objects.get().outcome.startswith("nothing was done: safe_default")


def test_whoever_is_at_it_is_waited_for(anna: User) -> None:
    ticket = _open("default")
    with at_time("2026-11-23T09:04"):
        claimed = claim_ticket(ticket.pk, anna)

    _look(MISSED)
    ticket.refresh_from_db()
    assert (ticket.is_open, ticket.next_look_at) == (True, claimed.claim_expires_at)
    assert BreachDeed.objects.count() == 0

    _look(LATER)
    assert Ticket.objects.get(pk=ticket.pk).resolution == "default"


@pytest.mark.parametrize("way", ["given back", "switched off"])
def test_a_claim_that_ends_early_is_waited_for_no_longer(anna: User, way: str) -> None:
    ticket = _open("default")
    with at_time("2026-11-23T09:04"):
        claim_ticket(ticket.pk, anna)
    _look(MISSED)
    assert Ticket.objects.get(pk=ticket.pk).is_open

    with at_time("2026-11-23T09:07"):
        if way == "given back":
            release_ticket(ticket.pk, anna)
        else:
            User.objects.update(is_active=False)
            assign_tickets()
        ticket.refresh_from_db()
        assert ticket.next_look_at == at("2026-11-23T09:07"), "not when the lease would have ended"
        look_at_tickets()

    assert Ticket.objects.get(pk=ticket.pk).resolution == "default"


def test_a_lead_who_stopped_the_clocks_is_waited_for(anna: User) -> None:
    ticket = _open("abort")
    with at_time(MISSED):
        pause_ticket(ticket.pk, anna, "the customer rings")
    _look(LATER)
    assert Ticket.objects.get(pk=ticket.pk).is_open

    with at_time(LATER):
        resume_ticket(ticket.pk, anna)
    _look(LATER)
    assert Ticket.objects.get(pk=ticket.pk).resolution == "abort"


@pytest.mark.parametrize("place", ["_write_deed", "resolve_by_rule"])
@pytest.mark.django_db(transaction=True)
def test_what_breaks_off_in_between_did_nothing_and_is_done_by_the_next_look(place: str) -> None:
    ticket = _open("default")
    with (
        patch(f"escalation.escrow.breach_actions.{place}", side_effect=SystemExit),
        pytest.raises(SystemExit),
    ):
        _look(MISSED)
    ticket.refresh_from_db()
    assert (ticket.is_open, Step.objects.get(pk=ticket.step_id).status) == (True, "held")
    assert BreachDeed.objects.count() == 0
    assert ticket.next_look_at == at(MISSED) + timedelta(seconds=5)

    with at_time(LATER):
        look_at_tickets()

    assert BreachDeed.objects.count() == 1
    assert Step.objects.get(pk=ticket.step_id).status == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_close_once() -> None:
    ticket = _open("default")
    with at_time(MISSED):
        assert race([look_at_tickets] * 4) == [None] * 4

    ticket.refresh_from_db()
    assert ticket.resolution == "default"
    assert BreachDeed.objects.count() == 1
    assert Receipt.objects.filter(step=ticket.step_id).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rival", ["resolve", "pause", "cancel"])
def test_a_person_and_the_rule_at_once_have_one_outcome(anna: User, rival: str) -> None:
    ticket = _open("default")

    def act() -> None:
        if rival == "cancel":
            cancel(ticket.run_id)
        elif rival == "pause":
            pause_ticket(ticket.pk, anna, "wait")
        else:
            claim_ticket(ticket.pk, anna)
            resolve_ticket(ticket.pk, anna, ResolutionKind.APPROVE, claim_number=None, seen_digest=None)

    with at_time(MISSED):
        looked, other = race([look_at_tickets, act])

    assert looked is None
    assert other is None or isinstance(other, EscalationError | StepNotHeld), other
    ticket.refresh_from_db()
    status = Step.objects.get(pk=ticket.step_id).status
    with transaction.atomic():
        by_rule = ticket.resolved_rule == "breach"
        assert BreachDeed.objects.filter(step="default").exists() == by_rule
    if rival == "resolve":
        assert (ticket.status, status) == ("resolved", "succeeded")
        assert by_rule == isinstance(other, EscalationError | StepNotHeld)
    elif rival == "pause":
        assert ticket.is_open == (ticket.paused_at is not None)
        assert by_rule == isinstance(other, EscalationError)
    else:
        assert ticket.status == ("resolved" if by_rule else "withdrawn")
