"""Accepted work that was drawn gets a ticket that holds nothing, and what people say of it teaches thresholds."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from agents import Result
from agents.invoke import override
from escalation.errors import DecisionPending, OwnRequest, ResolutionInvalid, TicketNotClaimed, TicketResolved
from escalation.escrow import (
    DatabaseEscalator,
    claim_next_ticket,
    claim_ticket,
    open_audit_ticket,
    resolve_by_rule,
    resolve_ticket,
    take_back_resolution,
)
from escalation.figures.measuring import FIGURES, name_span
from escalation.learning import Work, calibrate, list_judged_work
from escalation.models import (
    Breach,
    BreachAction,
    Notice,
    PendingResolution,
    ReviewQueue,
    RoutingRule,
    Ticket,
    read_clock,
)
from escalation.selectors import alike, get_ticket, summarise_ticket
from escalation.watch import (
    audits,
    breaches,
    carry_out_decisions,
    look_at_tickets,
    open_audit_tickets,
    watch_tickets,
)
from orchestration import StepSpec, Verify, WorkflowSpec, holds, runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.holds import WAY_OF
from orchestration.domain.states import ResolutionKind
from orchestration.domain.work import Chosen
from orchestration.errors import ResolutionRefused
from orchestration.models import AuditSample, Project, Receipt, Step
from orchestration.selectors.scope import call_as
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.integration.escalation.buttons import page_of, press, sign_in, text_of
from tests.integration.escalation.desk import hold, race
from tests.people import give_role
from tests.processes import wait_for

pytestmark = pytest.mark.django_db
APPROVE, EDIT, REFUSE = ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.REFUSE
WORK = Work("default", "notes", "draft", "test.writer")
PROPOSAL = {"text": "words", "tone": "kind"}
AGENTS: dict[str, Any] = {
    "test.writer": lambda task: Result(PROPOSAL, confidence=task.run_input.get("sure", 0.9)),
    "test.sender": lambda _: {"sent": True},
    "test.check": lambda _: {"verdict": "PASS", "reasons": []},
}


def _spec(rate: float = 1.0, **draft: Any) -> WorkflowSpec:
    return WorkflowSpec(
        name="notes",
        sla="customer-facing",
        steps=(
            StepSpec("draft", agent="test.writer", audit_rate=rate, min_confidence=0.8, **draft),
            StepSpec("send", agent="test.sender", needs=("draft",)),
        ),
    )


def _accept(spec: WorkflowSpec | None = None, **given: Any) -> FinishedRun:
    return run_workflow(spec or _spec(), given, agents=AGENTS)


def _audit(spec: WorkflowSpec | None = None, **given: Any) -> Ticket:
    done = _accept(spec, **given)
    open_audit_tickets()
    return Ticket.objects.get(run=done.run, subject="audit")


def _judge(ticket: Ticket, person: User, kind: ResolutionKind, **given: Any) -> Ticket:
    claim_ticket(ticket.pk, person)
    return resolve_ticket(ticket.pk, person, kind, claim_number=None, seen_digest=None, **given)


def _traces(ticket: Ticket) -> Any:
    """Return all that a resolution of a held step would leave behind in its run."""
    step = Step.objects.filter(pk=ticket.step_id).values().get()
    return step, list(Receipt.objects.filter(run=ticket.run_id).order_by("pk").values()), ticket.run.status


@pytest.fixture
def audit(db: None) -> Ticket:
    return _audit()


def test_what_was_drawn_gets_one_ticket_however_often_the_sweep_looks(audit: Ticket) -> None:
    open_audit_tickets()
    assert open_audit_ticket(audit.sample_id or 0) is None

    assert list(Ticket.objects.all()) == [audit]
    assert (audit.subject, audit.rule, audit.sla, audit.agent) == (
        "audit",
        "audit_sample",
        "audit",
        "test.writer",
    )
    assert (audit.seen, audit.confidence, audit.attempt, audit.status) == (PROPOSAL, 0.9, 1, "open")
    assert audit.run.status == "succeeded"
    assert audit.due_at - audit.opened_at == timedelta(days=3)
    assert audit.next_look_at is None


def test_a_sweep_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        _accept()
    monkeypatch.setattr(audits, "SWEEP_LIMIT", 2)
    open_audit_tickets()
    assert Ticket.objects.count() == 2
    open_audit_tickets()
    assert Ticket.objects.count() == AuditSample.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_open_one_ticket() -> None:
    _accept()
    assert race([open_audit_tickets] * 4) == [None] * 4
    assert Ticket.objects.count() == 1


def test_verified_work_shows_what_its_agent_said_and_how_sure_it_was() -> None:
    audit = _audit(_spec(verify=Verify("test.check")))
    assert (audit.seen, audit.confidence, audit.agent) == (PROPOSAL, 0.9, "test.writer")


def test_it_is_routed_by_the_same_rules_and_by_its_own_name() -> None:
    project = Project.objects.get(slug="default")
    front = ReviewQueue.objects.create(project=project, slug="customer-facing", name="Front")
    assert _audit().queue == front
    second = ReviewQueue.objects.create(project=project, slug="second", name="Second looks")
    RoutingRule.objects.create(project=project, queue=second, position=1, rule="audit_sample", tags=["audit"])
    audit = _audit()
    assert (audit.queue, audit.tags) == (second, ["audit"])


def test_what_was_sent_back_since_is_shown_as_it_was_accepted() -> None:
    answers = iter(["first", "second"])
    spec = WorkflowSpec(
        name="reworked",
        steps=(
            StepSpec("draft", agent="test.writer", audit_rate=1.0),
            StepSpec("check", agent="test.critic", needs=("draft",), max_reworks=1),
        ),
    )
    verdicts = iter([Result.rework("draft", ["too thin"]), Result({"good": True})])
    agents = {"test.writer": lambda _: next(answers), "test.critic": lambda _: next(verdicts)}
    assert run_workflow(spec, {}, agents=agents).status == "succeeded"

    open_audit_tickets()

    assert [one.seen for one in Ticket.objects.order_by("attempt")] == ["first", "second"]


@pytest.mark.parametrize(
    ("kind", "given", "output"),
    [
        (APPROVE, {}, PROPOSAL),
        (EDIT, {"output": {"text": "better"}}, {"text": "better"}),
        (REFUSE, {}, None),
    ],
)
def test_a_judgement_closes_the_ticket_and_touches_neither_step_nor_run(
    audit: Ticket, anna: User, kind: ResolutionKind, given: dict[str, Any], output: Any
) -> None:
    before = _traces(audit)

    judged = _judge(audit, anna, kind, **given)

    assert (judged.status, judged.resolution, judged.resolved_by) == ("resolved", kind, anna)
    assert judged.resolution_output == output
    assert _traces(judged) == before
    assert runs.verify(audit.run_id).fault is None


@pytest.mark.django_db(transaction=True)
def test_a_judgement_waits_for_no_lock_of_the_run(anna: User) -> None:
    audit = _audit()
    claim_ticket(audit.pk, anna)

    def judge() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '3s'")
        return resolve_ticket(audit.pk, anna, APPROVE, claim_number=1, seen_digest=audit.seen_digest).status

    with transaction.atomic():
        audit.run.__class__.objects.select_for_update().get(pk=audit.run_id)
        Step.objects.select_for_update().get(pk=audit.step_id)
        assert race([judge]) == ["resolved"]


def test_what_holds_for_every_ticket_holds_for_it(audit: Ticket, anna: User, ben: User) -> None:
    with pytest.raises(TicketNotClaimed):
        resolve_ticket(audit.pk, anna, APPROVE, claim_number=None, seen_digest=None)
    with pytest.raises(ResolutionInvalid, match="approve, edit or refuse"):
        _judge(audit, anna, ResolutionKind.ABORT)
    with pytest.raises(ResolutionInvalid, match="output"):
        _judge(audit, anna, EDIT)
    assert _judge(audit, anna, REFUSE) == _judge_again(audit, anna)
    with pytest.raises(TicketResolved):
        resolve_ticket(audit.pk, ben, APPROVE, claim_number=None, seen_digest=None)


def _judge_again(audit: Ticket, person: User) -> Ticket:
    return resolve_ticket(audit.pk, person, REFUSE, claim_number=None, seen_digest=None)


def _audit_asked_for_by(person: User) -> Ticket:
    with override(AGENTS), mute_dispatch():
        runs.publish(_spec())
        run = runs.start("notes", {}, requested_by=person)
    drive(run.pk, agents=AGENTS)
    open_audit_tickets()
    return Ticket.objects.get(run=run.pk)


def test_who_asked_for_the_run_does_not_judge_it(anna: User) -> None:
    with pytest.raises(OwnRequest):
        claim_ticket(_audit_asked_for_by(anna).pk, anna)


def test_who_asked_for_the_run_does_not_judge_it_under_a_claim_from_before_either(anna: User) -> None:
    # given: a claim from the time when that was allowed
    audit = _audit_asked_for_by(anna)
    Ticket.objects.filter(pk=audit.pk).update(
        claimed_by=anna,
        claim_number=1,
        claim_expires_at="2999-01-01T00:00Z",
        touched_at=audit.opened_at,
    )

    with pytest.raises(OwnRequest):
        resolve_ticket(audit.pk, anna, REFUSE, claim_number=1, seen_digest=audit.seen_digest)

    audit.refresh_from_db()
    assert (audit.status, audit.resolution, audit.claimed_by) == ("open", None, anna)
    assert not Notice.objects.exists()


def test_a_refusal_of_a_held_step_is_no_way(ticket: Ticket, anna: User) -> None:
    with pytest.raises(ResolutionInvalid, match="refuse does not go with ticket"):
        _judge(ticket, anna, REFUSE)
    with pytest.raises(ResolutionRefused, match="accepted"):
        holds.resolve_held_step(
            holds.lock_for_resolution(ticket.step_id), Chosen(WAY_OF[REFUSE], "person:anna", "ticket-1")
        )


def test_a_queue_may_ask_for_a_reason(audit: Ticket, anna: User) -> None:
    ReviewQueue.objects.filter(pk=audit.queue_id).update(reasons_required=["refuse"])
    with pytest.raises(ResolutionInvalid, match="asks for a reason with refuse"):
        _judge(audit, anna, REFUSE)


def test_a_refusal_is_told_to_the_leads_and_nothing_else_is(anna: User) -> None:
    approved, refused = _audit(), _audit()
    lead = give_role(User.objects.create_user("lena"), refused.queue, "lead")
    _judge(approved, anna, APPROVE)
    assert not Notice.objects.exists()

    _judge(refused, anna, REFUSE)

    told = Notice.objects.filter(happening="audit", ticket=refused)
    assert set(told.values_list("person", flat=True)) == {lead.pk, None}
    assert json.loads(told[0].data_json)["agent"] == "test.writer"


def test_it_stands_beside_the_ticket_of_its_step_and_is_not_taken_for_it(audit: Ticket) -> None:
    (held,) = hold()
    held_number = held.pk
    beside = held
    beside.pk, beside.subject, beside.sample_id = None, "audit", AuditSample.objects.latest("pk").pk + 1_000
    beside.save()
    desk = DatabaseEscalator()

    assert desk.find_tickets([audit.step_id]) == {}
    assert desk.find_tickets([held.step_id])[held.step_id].number == held_number
    desk.withdraw_tickets([held.step_id], "the step was reset")
    assert list(Ticket.objects.filter(step=held.step_id).order_by("pk").values_list("status", flat=True)) == [
        "withdrawn",
        "open",
    ]


def test_it_outlives_cancels_and_resets_of_its_step(audit: Ticket) -> None:
    DatabaseEscalator().withdraw_tickets([audit.step_id], "the step was reset")
    audit.refresh_from_db()
    assert audit.status == "open"


def test_a_restricted_queue_hides_no_step_for_an_audit(audit: Ticket) -> None:
    ReviewQueue.objects.filter(pk=audit.queue_id).update(is_restricted=True)
    assert DatabaseEscalator().find_hidden([audit.step_id], None) == frozenset()


def test_its_deadlines_are_no_breaches_and_set_off_nothing(anna: User, settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SLA_SECONDS": {"audit": (0.01, 0.02)}}
    audit = _audit()
    for deadline in ("first_touch", "resolution"):
        BreachAction.objects.create(queue=audit.queue, deadline=deadline, step="abort")
        BreachAction.objects.create(queue=audit.queue, deadline=deadline, step="tell")
    Ticket.objects.filter(pk=audit.pk).update(next_look_at=audit.opened_at)
    wait_for(lambda: read_clock() > audit.due_at)

    watch_tickets()
    look_at_tickets()
    audit.refresh_from_db()
    assert (audit.status, audit.next_look_at) == ("open", None)
    claim_ticket(audit.pk, anna)
    look_at_tickets()

    audit.refresh_from_db()
    assert (audit.status, audit.next_look_at) == ("open", None)
    assert not Breach.objects.exists()
    assert not Notice.objects.exists()
    with pytest.raises(ResolutionRefused, match="nothing waits"):
        resolve_by_rule(audit.pk, ResolutionKind.ABORT)


def test_overdue_audits_keep_no_sweep_from_what_people_wait_for(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: an audit that was due before a held step's ticket, and a sweep that looks at one
    short = {"audit": (0.01, 0.02), "customer-facing": (0.01, 0.02)}
    settings.RINGMASTER = {**settings.RINGMASTER, "SLA_SECONDS": short}
    monkeypatch.setattr(breaches, "SWEEP_LIMIT", 1)
    audit, (held,) = _audit(), hold()
    assert audit.due_at < held.due_at
    wait_for(lambda: read_clock() > held.due_at)

    watch_tickets()

    assert set(Breach.objects.values_list("ticket", "deadline")) == {
        (held.pk, "first_touch"),
        (held.pk, "resolution"),
    }


def test_the_database_knows_no_audit_without_a_sample_and_no_sample_twice(audit: Ticket) -> None:
    for columns in ({"sample": None}, {"subject": "output"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Ticket.objects.filter(pk=audit.pk).update(**columns)
    (held,) = hold()
    with pytest.raises(IntegrityError), transaction.atomic():
        Ticket.objects.filter(pk=held.pk).update(sample=audit.sample_id)


def test_audits_stand_for_what_was_accepted_unseen(anna: User) -> None:
    since = read_clock() - timedelta(days=1)
    right, wrong = _audit(), _audit()
    assert list_judged_work(since) == []
    assert calibrate(WORK, since, 0.5).now is None
    _judge(right, anna, APPROVE)
    _judge(wrong, anna, REFUSE)
    held = run_workflow(_spec(), {"sure": 0.5}, agents=AGENTS).run
    _judge(Ticket.objects.get(run=held), anna, APPROVE)

    found = calibrate(WORK, since, 0.5)

    assert list_judged_work(since) == [WORK]
    assert found.judged == 3
    assert found.now is not None
    assert (found.now.judged, found.now.error_share) == (2, 0.5)


def test_one_of_a_sample_weighs_what_its_part_stands_for(anna: User) -> None:
    spec = _spec(rate=0.5)
    drawn: list[Ticket] = []
    while len(drawn) < 1:
        done = _accept(spec)
        open_audit_tickets()
        drawn = list(Ticket.objects.filter(run=done.run))
    _judge(drawn[0], anna, REFUSE)
    _judge(_audit(), anna, APPROVE)

    found = calibrate(WORK, read_clock() - timedelta(days=1), 0.5)

    assert found.now is not None
    assert found.now.error_share == pytest.approx(2 / 3)


def test_figures_count_right_and_wrong_and_take_it_for_no_escalation(anna: User) -> None:
    audit = _audit()
    _judge(audit, anna, REFUSE)
    now = read_clock()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT measure, count FROM ({FIGURES}) f",
            name_span(now - timedelta(hours=1), now + timedelta(hours=1)),
        )
        counted = dict(cursor.fetchall())
    assert counted == {"decided_refuse": 1, "wrong": 1}


def test_the_page_says_that_nothing_changes_and_takes_the_answer(audit: Ticket, anna: User) -> None:
    browser = sign_in(anna)
    claim_ticket(audit.pk, anna)
    words = text_of(browser.get(page_of(audit)))
    assert "Would you have let this result of the step “draft” pass?" in words
    assert "Nothing changes in the run" in words
    assert all(button in words for button in ("Would approve", "Would edit", "Would refuse"))
    assert not any(gone in words for gone in ("the run fails", "Skip", "More …", "runs next"))

    answer = press(
        browser, audit, "resolve", claim_number="1", seen_digest=audit.seen_digest, resolution="refuse"
    )

    assert "judged wrong; the leads are told" in text_of(browser.get(answer["Location"]))
    audit.refresh_from_db()
    assert audit.resolution == "refuse"
    assert "Decided: refuse" in text_of(browser.get(page_of(audit)))


def test_an_abort_of_an_audit_is_refused_in_words(audit: Ticket, anna: User) -> None:
    claim_ticket(audit.pk, anna)
    answer = press(sign_in(anna), audit, "ask_abort", claim_number="1", seen_digest=audit.seen_digest)
    assert "abort does not go with ticket" in text_of(answer)


def test_api_and_commands_tell_of_it(audit: Ticket, anna: User, capsys: pytest.CaptureFixture[str]) -> None:
    told = summarise_ticket(get_ticket(audit.pk))
    assert [way["resolution"] for way in told["resolutions"]] == ["approve", "edit", "refuse"]
    assert (told["subject"], told["skips_along"], told["send_back"]) == ("audit", [], None)

    call_command("claim_ticket", str(audit.pk), "--as", "anna")
    assert "skip" not in capsys.readouterr().out
    call_command("resolve_ticket", str(audit.pk), "--resolution", "refuse", "--as", "anna")

    audit.refresh_from_db()
    assert audit.resolution == "refuse"


def test_what_holds_a_step_is_offered_before_an_audit(audit: Ticket, anna: User) -> None:
    (held,) = hold()
    assert claim_next_ticket(anna, call_as(anna)) == held
    assert claim_next_ticket(anna, call_as(anna)) == audit


def test_nothing_bars_audits_from_being_judged_together(
    audit: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    (held,) = hold()
    monkeypatch.setattr(alike, "_is_irreversible", lambda _: True)
    found = alike.find_irreversible([audit, held], ResolutionKind.SEND_BACK)
    assert list(found) == [held.pk]


def test_a_judgement_can_be_taken_back_where_the_queue_gives_a_grace_period(
    audit: Ticket, anna: User
) -> None:
    ReviewQueue.objects.update(grace_seconds=60)
    before = _traces(audit)
    assert _judge(audit, anna, REFUSE).is_open
    assert _judge_again(audit, anna).is_open, "sent twice it is one"
    with pytest.raises(DecisionPending):
        resolve_ticket(audit.pk, anna, APPROVE, claim_number=None, seen_digest=None)
    assert not Notice.objects.filter(happening="audit").exists(), "nobody is told of what may be taken back"
    assert take_back_resolution(audit.pk, anna).decided_at is None

    ReviewQueue.objects.update(grace_seconds=1)
    _judge(audit, anna, REFUSE, note="no")

    def is_carried_out() -> bool:
        carry_out_decisions()
        return not PendingResolution.objects.exists()

    wait_for(is_carried_out, seconds=10)
    audit.refresh_from_db()
    assert (audit.status, audit.resolution, audit.resolved_by) == ("resolved", "refuse", anna)
    assert _traces(audit) == before, "the run goes its way"
    assert Notice.objects.filter(happening="audit").exists()
