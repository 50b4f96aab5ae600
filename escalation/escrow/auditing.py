"""Tickets about accepted work that was drawn for a second look: opened after the commit, and judged.

The run goes its way: nothing here locks or writes a step or a run. Read next: `orchestration/sampling/`, which draws.
"""

from dataclasses import replace
from typing import Final

from django.db import connection, transaction

from escalation.domain.sla import AUDIT
from escalation.domain.votes import ALONE
from escalation.escrow.escalator import create_ticket
from escalation.escrow.planning import TicketPlan, plan_ticket
from escalation.escrow.starting import start_clocks
from escalation.models import Ticket
from escalation.queues import read_target
from orchestration.domain.holds import HoldSubject
from orchestration.domain.states import AttemptOutcome, StepStatus
from orchestration.holds import read_spec
from orchestration.models import Attempt, AuditSample, PastOutput, Step
from orchestration.ports import Hold

AUDIT_SAMPLE: Final = "audit_sample"
"""The rule that stands on these tickets, by which they are routed."""

_REASON: Final = (
    "It was accepted without a person, and drawn to check how good such work is. The run goes on; nothing waits "
    "for you."
)


def open_audit_ticket(sample_id: int) -> int | None:
    """Open the ticket of a sample, and return its id; None when it has one, or its output is gone with its run."""
    sample = AuditSample.objects.select_related("attempt", "step__run__workflow").filter(pk=sample_id).first()
    hold = _describe(sample) if sample else None
    if hold is None:
        return None
    plan = _plan(hold)
    with transaction.atomic():
        # One at a time, should two sweeps meet: the second finds what the first has committed.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('ringmaster audit tickets', 0))")
        if Ticket.objects.filter(sample=sample_id).exists():
            return None
        of_audit = replace(hold, sla=AUDIT.name)
        # Its clocks have nothing to tell: see `looking.py`.
        return create_ticket(of_audit, plan, sample_id=sample_id, next_look_at=None).pk


def _plan(hold: Hold) -> TicketPlan:
    """Return where the ticket goes, as one of a held step would; its clocks are those of audits."""
    # One person looks again, also where several decide: nothing waits for what they say.
    plan = replace(plan_ticket(hold), quorum=ALONE)
    if plan.queue_id is None:
        return plan
    clocks = start_clocks(read_target(plan.queue_id, AUDIT.name), plan.queue_id, plan.opened_at)
    return replace(plan, clocks=clocks)


def _describe(sample: AuditSample) -> Hold | None:
    step, attempt = sample.step, sample.attempt
    seen_json = _find_output(step, sample)
    if seen_json is None:
        return None
    spec = read_spec(step)
    review = spec.review if spec else None
    return Hold(
        project_id=step.run.project_id,
        run_id=sample.run_id,
        step_id=sample.step_id,
        step_key=step.key,
        workflow_name=step.run.workflow_name,
        sla=step.run.workflow.sla,
        agent=attempt.agent,
        attempt=attempt.number,
        subject=HoldSubject.AUDIT,
        rule=AUDIT_SAMPLE,
        reason=_REASON,
        seen_json=seen_json,
        has_proposal=True,
        confidence=_find_confidence(attempt),
        input_json=step.run.input_json,
        title=(review.title or "") if review else "",
    )


def _find_output(step: Step, sample: AuditSample) -> str | None:
    """Return what was accepted, also if the step was sent back since."""
    if step.status == StepStatus.SUCCEEDED and step.attempt == sample.attempt.number:
        return step.output_json
    past = PastOutput.objects.filter(step=step, status=StepStatus.SUCCEEDED, finished_at=sample.at)
    return past.values_list("output_json", flat=True).first()


def _find_confidence(attempt: Attempt) -> float | None:
    """Return what the agent stated; of verified work, that was an attempt before."""
    answers = Attempt.objects.filter(
        step=attempt.step_id, number__lte=attempt.number, outcome=AttemptOutcome.ANSWERED
    )
    return answers.order_by("-number").values_list("confidence", flat=True).first()
