"""What a ticket is about: told by the hold, kept, and what can be chosen follows from it on every way in."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from escalation.errors import ResolutionInvalid
from escalation.escrow import DatabaseEscalator, claim_ticket, resolve_ticket
from escalation.models import Ticket
from escalation.selectors import get_ticket, summarise_ticket
from orchestration import StepSpec, WorkflowSpec, holds
from orchestration.domain.holds import WAY_OF
from orchestration.domain.states import ResolutionKind
from orchestration.domain.work import Chosen
from orchestration.errors import ResolutionRefused
from orchestration.models import Step
from orchestration.testing import drive, run_workflow
from tests.integration.escalation.buttons import page_of, sign_in, text_of
from tests.integration.escalation.desk import fail, hold

pytestmark = pytest.mark.django_db
CALL = WorkflowSpec(
    name="call", steps=(StepSpec("call", agent="human"), StepSpec("note", agent="human", needs=("call",)))
)
APPROVE, EDIT, SEND_BACK = ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.SEND_BACK
SKIP, ABORT = ResolutionKind.SKIP, ResolutionKind.ABORT


@pytest.fixture
def task(db: None) -> Ticket:
    """A ticket of a step that people do."""
    run_workflow(CALL, {})
    return Ticket.objects.get(run__workflow_name="call")


def _decide(ticket: Ticket, person: User, kind: ResolutionKind, **given: Any) -> Ticket:
    return resolve_ticket(ticket.pk, person, kind, claim_number=None, seen_digest=None, **given)


def test_a_hold_names_its_subject(ticket: Ticket, task: Ticket) -> None:
    (failed,) = hold(writer=fail)

    assert [one.subject for one in (ticket, failed, task)] == ["output", "output", "task"]
    assert [one.is_for_person for one in (ticket, failed, task)] == [False, False, True]


def test_what_can_be_chosen_is_told_until_it_is(ticket: Ticket, task: Ticket, anna: User) -> None:
    told = {one.pk: summarise_ticket(get_ticket(one.pk)) for one in (ticket, task)}

    assert [way["resolution"] for way in told[ticket.pk]["resolutions"]] == [
        APPROVE,
        EDIT,
        SEND_BACK,
        SKIP,
        ResolutionKind.CLOSE,
        ABORT,
    ]
    ways = [
        {name: way[name] for name in ("resolution", "effect", "needs")}
        for way in told[task.pk]["resolutions"]
    ]
    assert ways == [
        {"resolution": "edit", "effect": "the reviewer's output becomes final", "needs": "output"},
        {
            "resolution": "send_back",
            "effect": "the agent tries again and gets the feedback as `task.feedback`",
            "needs": "feedback",
        },
        {
            "resolution": "skip",
            "effect": "the step is skipped, and with it whoever needs its output without `optional`",
            "needs": None,
        },
        {"resolution": "close", "effect": WAY_OF[ResolutionKind.CLOSE].effect, "needs": None},
        {"resolution": "abort", "effect": "the run fails", "needs": None},
    ]
    assert (told[task.pk]["subject"], told[task.pk]["send_back"]) == ("task", None)
    claim_ticket(task.pk, anna)
    _decide(task, anna, SKIP)
    assert summarise_ticket(get_ticket(task.pk))["resolutions"] == []


def test_a_task_has_nothing_to_approve(task: Ticket, anna: User) -> None:
    claim_ticket(task.pk, anna)

    with pytest.raises(
        ResolutionInvalid, match=r"Nothing was proposed .*; edit, send back, skip, close or abort\."
    ):
        _decide(task, anna, APPROVE)

    task.refresh_from_db()
    assert (task.status, Step.objects.get(pk=task.step_id).status) == ("open", "held")


def test_a_task_that_is_sent_back_is_asked_again(task: Ticket, anna: User) -> None:
    claim_ticket(task.pk, anna)

    _decide(task, anna, SEND_BACK, feedback="call in the morning")

    drive(task.run_id)
    again = Ticket.objects.get(run=task.run_id, status="open")
    assert (again.subject, again.attempt) == ("task", 2)


def test_the_form_of_a_task_is_to_do_it(task: Ticket, anna: User) -> None:
    claim_ticket(task.pk, anna)

    page = text_of(sign_in(anna).get(page_of(task)))

    assert '<h3 id="editing">Do the step</h3>' in page
    assert ">Done</button>" in page
    assert 'value="approve"' not in page
    assert 'value="send_back"' not in page


@pytest.mark.parametrize(
    ("writer", "title", "button"),
    [
        (None, "Edit, then approve", "Edit and approve"),
        (fail, "Give the output yourself", "Use this output"),
    ],
)
def test_the_form_of_an_output_has_the_words_of_the_table(
    anna: User, writer: Any, title: str, button: str
) -> None:
    (ticket,) = hold(writer=writer) if writer else hold()
    claim_ticket(ticket.pk, anna)

    page = text_of(sign_in(anna).get(page_of(ticket)))

    assert f'<h3 id="editing">{title}</h3>' in page
    assert f">{button}</button>" in page
    assert ("Approve as proposed" in page) is (writer is None)
    assert ">Send back</button>" in page


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (APPROVE, "resolution: nothing was proposed"),
        (EDIT, "output: give what shall be approved"),
        (SEND_BACK, "feedback: say what the agent should do better"),
    ],
)
def test_the_engine_itself_refuses_what_it_can_not_carry_out(
    task: Ticket, kind: ResolutionKind, message: str
) -> None:
    with transaction.atomic():
        held = holds.lock_for_resolution(task.step_id)
        with pytest.raises(ResolutionRefused, match=message):
            holds.resolve_held_step(held, Chosen(WAY_OF[kind], "person:anna", "1", feedback=" "))

    assert Step.objects.get(pk=task.step_id).status == "held"


def test_the_database_knows_the_subjects_and_what_goes_with_them(
    ticket: Ticket, task: Ticket, anna: User
) -> None:
    DatabaseEscalator().withdraw_tickets([ticket.step_id], "the run was cancelled")
    fields = {field.attname: getattr(task, field.attname) for field in Ticket._meta.concrete_fields}
    decided = {
        "status": "resolved",
        "resolved_by_id": anna.pk,
        "resolved_at": task.opened_at,
        "resolution": "approve",
    }
    for changes in (
        {"subject": "weather"},
        {**decided, "resolution_output_json": "null", "has_proposal": True},
    ):
        row = fields | {"id": None, "step_id": ticket.step_id} | changes
        with pytest.raises(IntegrityError, match="ticket_subject_known"), transaction.atomic():
            Ticket.objects.create(**row)


def test_tickets_from_before_say_what_they_were_about(ticket: Ticket, task: Ticket, anna: User) -> None:
    claim_ticket(task.pk, anna)
    _decide(task, anna, SKIP)
    connection.check_constraints()  # a table whose rows are still to be looked at is not altered
    loader = MigrationExecutor(connection).loader
    subject = loader.get_migration("escalation", "0006_subject")
    # That migration alone: all that came later stays, as neither its tables nor its rows depend on it.
    for step in (subject.unapply, subject.apply):
        with connection.schema_editor() as editor:
            step(loader.project_state([("escalation", "0005_no_way_back")]), editor)

    assert dict(Ticket.objects.values_list("pk", "subject")) == {ticket.pk: "output", task.pk: "task"}
