import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection, transaction

from escalation.domain.draft import Draft
from escalation.errors import (
    EscalationError,
    ResolutionInvalid,
    ResolutionStale,
    ReviewerInactive,
    TicketNotClaimed,
    TicketNotFound,
    TicketResolved,
    TicketWithdrawn,
)
from escalation.escrow import DatabaseEscalator, claim_ticket, resolve_ticket, save_draft
from escalation.escrow import resolution as resolution_module
from escalation.models import Ticket, read_clock
from orchestration import holds, runs
from orchestration.domain.states import ResolutionKind
from orchestration.domain.work import Chosen, HeldStep
from orchestration.errors import StepNotHeld
from orchestration.models import Event, Receipt, Run, Step
from tests.integration.escalation.desk import (
    EDITED,
    PROPOSAL,
    TWINS,
    count_waiting,
    expire_claim,
    fail,
    go_on,
    hold,
    race,
)
from tests.processes import wait_for

pytestmark = pytest.mark.django_db
APPROVE, EDIT, SEND_BACK = ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.SEND_BACK
SKIP, ABORT = ResolutionKind.SKIP, ResolutionKind.ABORT


def _decide(ticket: Ticket, person: User, kind: ResolutionKind, **given: Any) -> Ticket:
    bound = {"claim_number": 1, "seen_digest": ticket.seen_digest}
    return resolve_ticket(ticket.pk, person, kind, **{**bound, **given})


def _decide_in_thread(ticket: Ticket, person: User) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []

    def decide() -> None:
        try:
            answers.append(_decide(ticket, person, APPROVE))
        except EscalationError as error:
            answers.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=decide)
    thread.start()
    return thread, answers


def _replace_engine(monkeypatch: pytest.MonkeyPatch, resolve: Callable[[HeldStep, Chosen], None]) -> None:
    class Engine:
        lock_for_resolution = staticmethod(holds.lock_for_resolution)
        list_next_agents = staticmethod(holds.list_next_agents)
        find_spec_of = staticmethod(holds.find_spec_of)
        resolve_held_step = staticmethod(resolve)

    monkeypatch.setattr(resolution_module, "holds", Engine)


@pytest.fixture
def claimed(ticket: Ticket, anna: User) -> Ticket:
    return claim_ticket(ticket.pk, anna)


def _assert_undecided(ticket: Ticket) -> None:
    ticket.refresh_from_db()
    step = Step.objects.get(pk=ticket.step_id)
    assert (ticket.status, ticket.resolution, ticket.resolved_by) == ("open", None, None)
    assert (step.status, step.output_json) == ("held", None)
    assert not Receipt.objects.filter(step=step).exists()


def test_approving_lets_the_run_go_on_with_what_was_proposed(claimed: Ticket, anna: User) -> None:
    before = read_clock()

    save_draft(claimed.pk, anna, Draft(note="looks"), claim_number=1)

    decided = _decide(claimed, anna, APPROVE, note="looks right")

    assert decided.draft_json is None
    assert (decided.status, decided.resolution, decided.resolved_by) == ("resolved", "approve", anna)
    assert (decided.resolution_output, decided.note) == (PROPOSAL, "looks right")
    assert decided.resolved_at is not None
    assert before < decided.resolved_at < read_clock()
    assert (decided.claimed_by, decided.claim_expires_at, decided.claim_number) == (None, None, 1)
    done = go_on(decided)
    assert (done.status, done.outputs["send"]) == ("succeeded", {"sent": PROPOSAL})
    assert runs.verify(decided.run_id).fault is None


def test_an_edited_output_replaces_the_proposal(claimed: Ticket, anna: User) -> None:
    decided = _decide(claimed, anna, EDIT, output=EDITED)

    done = go_on(decided)
    assert decided.resolution_output == EDITED
    assert (done.status, done.outputs["send"]) == ("succeeded", {"sent": EDITED})
    assert runs.verify(decided.run_id).fault is None


def test_sending_back_runs_the_step_again_with_the_feedback(claimed: Ticket, anna: User) -> None:
    decided = _decide(claimed, anna, SEND_BACK, feedback="be brief")

    done = go_on(decided)
    again = Ticket.objects.get(run=decided.run_id, status="open")
    assert (decided.resolution, decided.feedback) == ("send_back", "be brief")
    assert done.held == ["draft"]
    assert (again.seen, again.attempt) == ({"body": "Better: be brief"}, 2)
    assert again.pk != decided.pk


def test_skipping_hands_null_on(claimed: Ticket, anna: User) -> None:
    decided = _decide(claimed, anna, SKIP, note="x" * 20_000)

    done = go_on(decided)
    assert done.steps["draft"].status == "skipped"
    assert decided.resolution_output_json is None


def test_aborting_fails_the_run_and_withdraws_its_other_tickets(anna: User) -> None:
    first, second = hold(TWINS)
    claim_ticket(first.pk, anna)

    _decide(first, anna, ABORT, note="hopeless")

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, first.resolution) == ("resolved", "abort")
    assert (second.status, second.resolution) == ("withdrawn", None)
    assert runs.get_run(first.run_id).status == "failed"


def test_nothing_is_decided_without_a_claim(ticket: Ticket, anna: User) -> None:
    with pytest.raises(TicketNotClaimed, match="claim it first"):
        _decide(ticket, anna, APPROVE, claim_number=None)

    _assert_undecided(ticket)


def test_nothing_is_decided_under_another_persons_claim(claimed: Ticket, ben: User) -> None:
    with pytest.raises(TicketNotClaimed):
        _decide(claimed, ben, APPROVE)

    _assert_undecided(claimed)


def test_an_expired_claim_decides_nothing_and_keeps_the_draft(claimed: Ticket, anna: User) -> None:
    save_draft(claimed.pk, anna, Draft(note="almost"), claim_number=1)
    expire_claim(claimed)

    with pytest.raises(ResolutionStale, match="ran out"):
        _decide(claimed, anna, APPROVE)

    _assert_undecided(claimed)
    assert Draft.from_json(claimed.draft_json).note == "almost"


def test_an_earlier_claim_number_decides_nothing(claimed: Ticket, anna: User) -> None:
    expire_claim(claimed)
    claim_ticket(claimed.pk, anna)

    with pytest.raises(ResolutionStale, match="claimed again"):
        _decide(claimed, anna, APPROVE, claim_number=1)

    _assert_undecided(claimed)


@pytest.mark.parametrize("kind", [APPROVE, SKIP])
def test_a_decision_about_something_else_is_refused(
    claimed: Ticket, anna: User, kind: ResolutionKind
) -> None:
    save_draft(claimed.pk, anna, Draft(note="almost"), claim_number=1)

    with pytest.raises(ResolutionStale, match="no longer shows what you saw"):
        _decide(claimed, anna, kind, seen_digest="0" * 64)

    _assert_undecided(claimed)
    assert Draft.from_json(claimed.draft_json).note == "almost"


def test_a_proposal_changed_behind_the_ticket_is_not_approved(claimed: Ticket, anna: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orchestration_step SET proposed_json = '{}' WHERE id = %s", (claimed.step_id,))

    with pytest.raises(ResolutionStale, match="no longer shows"):
        _decide(claimed, anna, APPROVE)

    _assert_undecided(claimed)


def test_nothing_proposed_is_nothing_to_approve(anna: User) -> None:
    (ticket,) = hold(writer=fail)
    claim_ticket(ticket.pk, anna)

    with pytest.raises(ResolutionInvalid, match="Nothing was proposed"):
        _decide(ticket, anna, APPROVE)

    _assert_undecided(ticket)


def test_a_person_gives_the_output_that_the_agent_could_not(anna: User) -> None:
    (ticket,) = hold(writer=fail)
    claim_ticket(ticket.pk, anna)

    done = go_on(_decide(ticket, anna, EDIT, output=EDITED))

    assert done.outputs["send"] == {"sent": EDITED}


def test_an_output_that_is_no_json_names_the_place(claimed: Ticket, anna: User) -> None:
    with pytest.raises(ResolutionInvalid, match=r"output: .*/price"):
        _decide(claimed, anna, EDIT, output={"price": float("nan")})

    _assert_undecided(claimed)


def test_an_account_switched_off_meanwhile_decides_nothing(claimed: Ticket, anna: User) -> None:
    anna.is_active = False

    with pytest.raises(ReviewerInactive):
        _decide(claimed, anna, APPROVE)

    _assert_undecided(claimed)


def test_an_unknown_ticket_is_named(anna: User) -> None:
    with pytest.raises(TicketNotFound, match="4711"):
        resolve_ticket(4711, anna, SKIP, claim_number=1, seen_digest=None)


def test_a_withdrawn_ticket_says_why(claimed: Ticket, anna: User) -> None:
    DatabaseEscalator().withdraw_tickets([claimed.step_id], "the run was aborted")

    with pytest.raises(TicketWithdrawn, match="the run was aborted"):
        _decide(claimed, anna, APPROVE)


def test_a_held_ticket_whose_step_went_on_says_so(claimed: Ticket, anna: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orchestration_step SET status = 'pending' WHERE id = %s", (claimed.step_id,))

    with pytest.raises(StepNotHeld):
        _decide(claimed, anna, APPROVE)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (APPROVE, {"note": "fine"}),
        (EDIT, {"output": {"subject": "Your order", "facts": {"order": 7}}}),
        (SEND_BACK, {"feedback": "be brief"}),
        (SKIP, {}),
        (ABORT, {}),
    ],
)
def test_the_same_decision_again_gets_the_same_answer(
    claimed: Ticket, anna: User, kind: ResolutionKind, given: dict[str, Any]
) -> None:
    first = _decide(claimed, anna, kind, **given)
    events = Event.objects.count()

    again = _decide(claimed, anna, kind, **given)

    assert (again.pk, again.resolved_at, again.resolution) == (first.pk, first.resolved_at, kind)
    assert Event.objects.count() == events


@pytest.mark.parametrize(
    ("kind", "given"), [(SKIP, {}), (EDIT, {"output": EDITED}), (APPROVE, {"note": "another note"})]
)
def test_another_decision_of_a_decided_ticket_is_refused(
    claimed: Ticket, anna: User, kind: ResolutionKind, given: dict[str, Any]
) -> None:
    _decide(claimed, anna, APPROVE)

    with pytest.raises(TicketResolved, match=r"approve\) by anna"):
        _decide(claimed, anna, kind, **given)


def test_the_same_decision_by_another_person_is_refused(claimed: Ticket, anna: User, ben: User) -> None:
    _decide(claimed, anna, APPROVE)

    with pytest.raises(TicketResolved):
        _decide(claimed, ben, APPROVE)


def test_true_and_one_are_different_outputs(claimed: Ticket, anna: User) -> None:
    _decide(claimed, anna, EDIT, output={"n": 1})

    with pytest.raises(TicketResolved):
        _decide(claimed, anna, EDIT, output={"n": True})


def test_close_and_release_are_one_transaction(
    claimed: Ticket, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_connection(held: HeldStep, chosen: Chosen) -> None:
        holds.resolve_held_step(held, chosen)
        raise ConnectionError

    _replace_engine(monkeypatch, lose_the_connection)
    with pytest.raises(ConnectionError):
        _decide(claimed, anna, APPROVE)

    _assert_undecided(claimed)


def test_the_decided_ticket_stays_decided_whatever_the_engine_withdraws(
    claimed: Ticket, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def withdraw_too(held: HeldStep, chosen: Chosen) -> None:
        DatabaseEscalator().withdraw_tickets([held.step_id], "the run was aborted")
        holds.resolve_held_step(held, chosen)

    _replace_engine(monkeypatch, withdraw_too)
    decided = _decide(claimed, anna, ABORT)

    assert (decided.status, decided.resolution) == ("resolved", "abort")


@pytest.mark.django_db(transaction=True)
def test_the_ticket_is_locked_last(anna: User) -> None:
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)
    with transaction.atomic():
        holds.lock_for_resolution(ticket.step_id)
        thread, answers = _decide_in_thread(ticket, anna)
        wait_for(lambda: count_waiting() == 1, what="the decision waiting for the run")
        # Were it taken already, whoever holds the run and needs the ticket would wait for ever.
        Ticket.objects.select_for_update(nowait=True).get(pk=ticket.pk)
    thread.join(timeout=30)

    assert answers[0].status == "resolved"


@pytest.mark.django_db(transaction=True)
def test_the_run_is_locked_first(anna: User) -> None:
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)
    with transaction.atomic():
        Run.objects.select_for_update(no_key=True).get(pk=ticket.run_id)
        thread, answers = _decide_in_thread(ticket, anna)
        wait_for(lambda: count_waiting() == 1, what="the decision waiting for the run")
        # Whoever cancels the run holds it, and takes its steps next.
        Step.objects.select_for_update(nowait=True).get(pk=ticket.step_id)
    thread.join(timeout=30)

    assert answers[0].status == "resolved"


@pytest.mark.django_db(transaction=True)
def test_a_ticket_closed_while_it_was_waited_for_says_so(anna: User) -> None:
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)
    with transaction.atomic():
        Ticket.objects.select_for_update().get(pk=ticket.pk)
        thread, answers = _decide_in_thread(ticket, anna)
        wait_for(lambda: count_waiting() == 1, what="the decision waiting for the ticket")
        DatabaseEscalator().withdraw_tickets([ticket.step_id], "the run was aborted")
    thread.join(timeout=30)

    assert isinstance(answers[0], TicketWithdrawn)


@pytest.mark.django_db(transaction=True)
def test_of_two_decisions_at_once_one_counts(anna: User) -> None:
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)

    answers = race([lambda: _decide(ticket, anna, APPROVE), lambda: _decide(ticket, anna, SKIP)] * 3)

    ticket.refresh_from_db()
    decided = [answer for answer in answers if isinstance(answer, Ticket)]
    refused = [answer for answer in answers if isinstance(answer, TicketResolved)]
    assert (len(decided), len(refused)) == (3, 3)
    assert {answer.resolution for answer in decided} == {ticket.resolution}
    assert Receipt.objects.filter(step=ticket.step_id).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_decision(anna: User) -> None:
    (ticket,) = hold()
    claim_ticket(ticket.pk, anna)

    answers = race([lambda: _decide(ticket, anna, APPROVE)] * 8)

    assert {answer.resolved_at for answer in answers} == {answers[0].resolved_at}
    assert Receipt.objects.filter(step=ticket.step_id).count() == 1
    assert Event.objects.filter(step=ticket.step_id, kind="step_resolved").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_runs_out_while_the_row_is_waited_for_decides_nothing(
    anna: User, settings: LazySettings
) -> None:
    (ticket,) = hold()
    settings.RINGMASTER = {**settings.RINGMASTER, "TICKET_CLAIM_SECONDS": 1.0}
    expires_at = claim_ticket(ticket.pk, anna).claim_expires_at
    assert expires_at is not None
    with transaction.atomic():
        Ticket.objects.select_for_update().get(pk=ticket.pk)
        thread, answers = _decide_in_thread(ticket, anna)
        wait_for(lambda: count_waiting() == 1, what="the decision waiting for the row")
        assert read_clock() < expires_at, "the machine was too slow to ask the question"
        wait_for(lambda: read_clock() > expires_at)
    thread.join(timeout=30)

    assert isinstance(answers[0], ResolutionStale)
    _assert_undecided(ticket)
