"""Where tickets go: worked out before the step is held, and never a reason that it is not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import override_settings

from escalation.escrow import DatabaseEscalator, claim_ticket, resolve_ticket
from escalation.models import DEFAULT_QUEUE, ReviewQueue, RoutingRule, SlaTarget, Ticket
from escalation.queues import make_queue
from orchestration import StepSpec, WorkflowSpec
from orchestration.domain.spec import Review
from orchestration.domain.states import ResolutionKind
from orchestration.executor import conclusion
from orchestration.models import Project, Step
from orchestration.transitions.end import hold_step
from tests.integration.escalation.desk import LETTER, PROPOSAL, go_on, hold
from tests.people import make_member
from tests.statements import record_statements

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return Project.objects.get_or_create(slug="default")[0]


@pytest.fixture
def refunds(project: Project) -> ReviewQueue:
    return make_queue(project.pk, "refunds", "Refunds")


def _rule(queue: ReviewQueue | None, position: int = 1, **asked: Any) -> RoutingRule:
    project = Project.objects.get(slug="default")
    return RoutingRule.objects.create(project=project, queue=queue, position=position, **asked)


def test_a_rule_sends_tickets_to_its_queue_with_its_tags(refunds: ReviewQueue) -> None:
    _rule(refunds, name="Letters", workflow="letter", expression="proposal.facts.order == 7", tags=["orders"])

    (ticket,) = hold()

    assert ticket.queue == refunds
    assert (ticket.tags, ticket.routed_by, ticket.desk_note) == (["orders"], "rule 1 (Letters)", "")


def test_the_first_rule_that_matches_wins_and_the_class_comes_last(
    project: Project, refunds: ReviewQueue
) -> None:
    named_like_the_class = make_queue(project.pk, "customer-facing", "Front desk")
    _rule(refunds, position=2)
    first = _rule(None, position=1, workflow="letter", rule="human_step")

    assert hold()[0].queue == refunds
    first.delete()
    RoutingRule.objects.all().delete()
    (ticket,) = hold()
    assert (ticket.queue, ticket.routed_by) == (named_like_the_class, "")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"expression": "input.absent == 1"}, "no such key"),
        ({"expression": "input.text.matches('" + "(a|b)*" * 300 + "')"}, "too much work"),
        ({"expression": "nonsense("}, "nonsense("),
    ],
)
def test_a_rule_that_fails_is_no_match_and_noted(
    refunds: ReviewQueue, asked: dict[str, Any], why: str
) -> None:
    _rule(refunds, **asked)

    (ticket,) = hold()

    assert ticket.queue.slug == DEFAULT_QUEUE
    assert ticket.desk_note.startswith("Routing rule 1 was passed over")
    assert why in ticket.desk_note


def test_a_rule_whose_queue_is_gone_is_no_match_and_noted(refunds: ReviewQueue) -> None:
    _rule(refunds)
    refunds.delete()

    (ticket,) = hold()

    assert ticket.queue.slug == DEFAULT_QUEUE
    assert ticket.desk_note == "Routing rule 1 was passed over: its queue is gone."


def test_a_queue_of_another_project_is_none() -> None:
    stranger = Project.objects.create(slug="stranger", name="Stranger")
    _rule(make_queue(stranger.pk, "theirs", "Theirs"))

    (ticket,) = hold()

    assert ticket.queue.slug == DEFAULT_QUEUE


def test_a_queue_that_goes_between_plan_and_hold_loses_nothing(
    refunds: ReviewQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rule(refunds)
    held = hold_step

    def meanwhile(*given: Any, **named: Any) -> None:
        refunds.delete()
        held(*given, **named)

    monkeypatch.setattr(conclusion, "hold_step", meanwhile)

    (ticket,) = hold()

    assert (ticket.queue.slug, ticket.seen) == (DEFAULT_QUEUE, PROPOSAL)


def _raise(error: BaseException) -> Callable[..., Any]:
    def act(*_given: object, **_named: object) -> Any:
        raise error

    return act


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), MemoryError(), DatabaseError("no such table"), _raise]
)
@pytest.mark.parametrize("place", ["find_route", "read_rules", "start_clocks"])
def test_whatever_planning_raises_the_ticket_opens_as_its_class_says(
    monkeypatch: pytest.MonkeyPatch, error: Any, place: str
) -> None:
    fault = error if isinstance(error, BaseException) else BaseException("a panic")
    monkeypatch.setattr(f"escalation.escrow.planning.{place}", _raise(fault))

    (ticket,) = hold()

    assert (ticket.queue.slug, ticket.seen, ticket.confidence) == (DEFAULT_QUEUE, PROPOSAL, 0.5)
    assert ticket.due_at - ticket.opened_at == timedelta(seconds=300)
    assert "were not read" in ticket.desk_note


def test_a_statement_that_fails_in_planning_spoils_no_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask_for_nothing(_project: int) -> Any:
        return list(RoutingRule.objects.raw("SELECT * FROM there_is_no_such_table"))

    monkeypatch.setattr("escalation.escrow.planning.read_rules", ask_for_nothing)

    (ticket,) = hold()

    assert "were not read" in ticket.desk_note


def test_the_transaction_of_the_hold_asks_for_nothing_of_the_desks_rows(
    refunds: ReviewQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there were rules it sent the ending, the clock, the queue and the ticket."""
    for position in range(5):
        _rule(refunds, position=position, expression="input.text == 'else'")
    _rule(refunds, position=9, expression="input.text != ''", tags=["a"])
    held = hold_step
    sent: list[str] = []

    def count(*given: Any, **named: Any) -> None:
        with record_statements() as statements:
            held(*given, **named)
        sent.extend(statements)

    monkeypatch.setattr(conclusion, "hold_step", count)

    (ticket,) = hold()

    assert ticket.queue == refunds
    assert len(sent) <= 4
    assert not [one for one in sent if "routingrule" in one or "slatarget" in one]
    # Only the step itself is locked, by its ending.
    assert not [one for one in sent[1:] if "FOR " in one.partition(" FROM ")[2]]


def test_a_step_that_nobody_holds_asks_nothing_of_the_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseEscalator, "plan_ticket", _raise(AssertionError("planned")))
    asked: list[str] = []
    monkeypatch.setattr(conclusion, "plan_ticket", lambda _: asked.append("plan"))

    run_id = hold(writer=lambda _: "sure")

    assert (run_id, asked) == ([], [])


def test_a_new_queue_has_the_targets_of_the_settings_and_then_its_rows_count(refunds: ReviewQueue) -> None:
    rows = SlaTarget.objects.filter(queue=refunds)
    assert {row.sla: (row.first_touch_seconds, row.resolution_seconds) for row in rows} == {
        "customer-facing": (60, 300),
        "internal": (360, 1800),
    }
    rows.filter(sla="customer-facing").update(first_touch_seconds=10, resolution_seconds=20)
    _rule(refunds)

    (ticket,) = hold()

    assert ticket.first_touch_due_at - ticket.opened_at == timedelta(seconds=10)
    assert ticket.due_at - ticket.opened_at == timedelta(seconds=20)
    with override_settings(RINGMASTER={"SLA_SECONDS": {"customer-facing": (1, 2)}}):
        assert hold()[0].due_at - ticket.due_at > timedelta(0)
        newest = Ticket.objects.latest("pk")
    assert newest.due_at - newest.opened_at == timedelta(seconds=20)


def test_a_class_that_no_row_and_no_setting_names_gets_the_queues_internal_figures(
    refunds: ReviewQueue,
) -> None:
    SlaTarget.objects.filter(queue=refunds, sla="internal").update(
        first_touch_seconds=7, resolution_seconds=9
    )
    _rule(refunds)

    (ticket,) = hold(WorkflowSpec(name="odd", sla="moon", steps=(StepSpec("draft", agent="test.writer"),)))

    assert (ticket.sla, ticket.due_at - ticket.opened_at) == ("moon", timedelta(seconds=9))


def test_a_title_is_made_of_input_and_proposal() -> None:
    titled = WorkflowSpec(
        name="titled",
        steps=(
            StepSpec(
                "draft", agent="test.writer", review=Review(title="proposal.subject + ':\\n ' + input.text")
            ),
        ),
    )

    (ticket,) = hold(titled)

    assert ticket.title == "Your order: Where is my lamp?"


@pytest.mark.parametrize(
    ("title", "why"), [("input.absent", "no such key"), ("proposal.facts.order", "gives no text")]
)
def test_a_title_that_fails_is_noted(title: str, why: str) -> None:
    titled = WorkflowSpec(
        name="titled", steps=(StepSpec("draft", agent="test.writer", review=Review(title=title)),)
    )

    (ticket,) = hold(titled)

    assert ticket.title == ""
    assert why in ticket.desk_note


def test_a_step_that_was_sent_back_is_routed_anew(refunds: ReviewQueue) -> None:
    _rule(refunds, expression="proposal.body.startsWith('Better')")
    (ticket,) = hold(LETTER)
    anna = make_member("anna", "reviewer")
    claim_ticket(ticket.pk, anna)
    resolve_ticket(
        ticket.pk, anna, ResolutionKind.SEND_BACK, claim_number=1, seen_digest=None, feedback="kinder"
    )

    go_on(ticket)

    newest = Ticket.objects.get(step=Step.objects.get(run=ticket.run_id, key="draft"), status="open")
    assert newest.queue == refunds
