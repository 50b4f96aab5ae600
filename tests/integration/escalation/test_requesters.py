"""Who asked for a run, for what it was forked from, or for the run above it, decides none of its tickets."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings as SettingsWrapper

from agents.invoke import override
from escalation.errors import NoTicketFree, OwnRequest
from escalation.escrow import claim_next_ticket, claim_ticket, release_ticket, resolve_ticket
from escalation.models import Ticket
from escalation.selectors import list_offered_tickets
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.models import Run
from orchestration.selectors.scope import call_as
from orchestration.testing import drive
from tests.integration.escalation.desk import AGENTS, LETTER, hold
from tests.people import make_member

pytestmark = pytest.mark.django_db

ABOVE = WorkflowSpec(name="above", steps=(StepSpec("part", workflow="letter"),))


@pytest.fixture
def ben() -> User:
    return make_member("ben", "admin")


def _claimed_before(ticket: Ticket, user: User) -> None:
    """Let somebody hold a claim from the time when that was allowed."""
    Ticket.objects.filter(pk=ticket.pk).update(
        claimed_by=user,
        claim_number=1,
        claim_expires_at="2999-01-01T00:00Z",
        touched_at=ticket.opened_at,
    )


def _decide(ticket: Ticket, user: User, kind: ResolutionKind) -> Ticket:
    words: dict[str, Any] = {"feedback": "again"} if kind is ResolutionKind.SEND_BACK else {}
    output: dict[str, Any] = {"output": {"body": "x"}} if kind is ResolutionKind.EDIT else {}
    return resolve_ticket(ticket.pk, user, kind, claim_number=1, seen_digest=None, **words, **output)


@pytest.mark.parametrize("is_superuser", [False, True])
def test_who_asked_does_not_claim(ben: User, *, is_superuser: bool) -> None:
    User.objects.filter(pk=ben.pk).update(is_superuser=is_superuser)
    ben.refresh_from_db()
    (ticket,) = hold(requested_by=ben)

    with pytest.raises(OwnRequest, match="let a colleague decide it"):
        claim_ticket(ticket.pk, ben)

    ticket.refresh_from_db()
    assert (ticket.claimed_by, ticket.claim_number, ticket.touched_at) == (None, 0, None)


@pytest.mark.parametrize(
    "kind", [k for k in ResolutionKind if k in ("approve", "edit", "send_back", "skip", "abort")]
)
def test_who_asked_decides_nothing_not_even_under_a_claim(ben: User, kind: ResolutionKind) -> None:
    (ticket,) = hold(requested_by=ben)
    _claimed_before(ticket, ben)

    with pytest.raises(OwnRequest):
        _decide(ticket, ben, kind)

    ticket.refresh_from_db()
    assert (ticket.status, ticket.step.status) == ("open", "held")


def test_a_claim_from_before_can_be_given_back(ben: User) -> None:
    (ticket,) = hold(requested_by=ben)
    _claimed_before(ticket, ben)
    assert release_ticket(ticket.pk, ben).claimed_by is None


def test_who_asked_is_offered_none_and_colleagues_are(ben: User, anna: User) -> None:
    (ticket,) = hold(requested_by=ben)
    assert list(list_offered_tickets(call_as(ben))) == []
    with pytest.raises(NoTicketFree):
        claim_next_ticket(ben, call_as(ben))
    assert claim_next_ticket(anna, call_as(anna)).pk == ticket.pk


def test_children_count_for_whoever_asked_for_the_root(ben: User, anna: User) -> None:
    with override(AGENTS), mute_dispatch():
        runs.publish(LETTER)
        runs.publish(ABOVE)
        run = runs.start("above", {}, requested_by=ben)
    drive(run.pk, agents=AGENTS)
    ticket = Ticket.objects.get(run__root_id=run.pk)
    assert (ticket.run_id == run.pk, ticket.requesters) == (False, [ben.pk])


def test_a_fork_counts_for_whoever_asked_for_what_it_was_made_from(ben: User, anna: User) -> None:
    # given: anna's fork of carl's fork of ben's run
    carl = make_member("carl", "admin")
    (ticket,) = hold(requested_by=ben)
    forks = [ticket.run]
    for person in (carl, anna):
        with override(AGENTS), mute_dispatch():
            forks.append(runs.fork(forks[-1].pk, from_step="facts", by=person))
        drive(forks[-1].pk, agents=AGENTS)

    # then: none of those above decides it
    asked = [Ticket.objects.get(run=fork.pk).requesters for fork in forks]
    assert [set(ids) for ids in asked] == [{ben.pk}, {ben.pk, carl.pk}, {ben.pk, carl.pk, anna.pk}]


def test_a_run_that_nobody_asked_for_is_everybodys(anna: User) -> None:
    (ticket,) = hold()
    assert ticket.requesters == []
    assert claim_ticket(ticket.pk, anna).claimed_by == anna


def test_opening_a_ticket_says_who_asked_in_the_same_statement(
    ben: User, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    (ticket,) = hold(requested_by=ben)
    Run.objects.filter(pk=ticket.run_id).update(requested_by=None)
    ticket.refresh_from_db()
    assert ticket.requesters == [ben.pk]  # a copy: it doesn't follow the run


def test_with_one_person_the_setting_lets_them_decide(ben: User, settings: SettingsWrapper) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "OWN_DECISIONS": True}
    (ticket,) = hold(requested_by=ben)
    assert claim_next_ticket(ben, call_as(ben)).pk == ticket.pk
    assert _decide(ticket, ben, ResolutionKind.APPROVE).status == "resolved"


@pytest.mark.parametrize(("is_on", "told"), [(True, 1), (False, 0)])
def test_the_setting_is_warned_of(settings: SettingsWrapper, *, is_on: bool, told: int) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "OWN_DECISIONS": is_on}
    found = [m for m in run_checks(include_deployment_checks=True) if m.id == "escalation.W001"]
    assert len(found) == told
    assert not [m for m in run_checks() if m.id == "escalation.W001"]


def test_from_the_shell_neither(ben: User) -> None:
    (ticket,) = hold(requested_by=ben)
    with pytest.raises(CommandError, match="let a colleague decide"):
        call_command("claim_ticket", ticket.pk, "--as", "ben")
