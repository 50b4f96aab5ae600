"""What people decided about the outputs of an agent at a step, with the confidence it had stated.

Two kinds of tickets tell what a threshold would let through: those that came to people for their confidence, and audits
of what was accepted unseen, each of which stands for as many answers as its part was drawn from. A ticket for another
reason, such as a verifier's no, would have come to people at any confidence. Not counted: tickets without a proposal,
withdrawn ones, those that a rule decided, and steps that people do.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from escalation.domain.calibration import Judged
from escalation.figures.attempts import find_first_attempt
from escalation.selectors.judged import JUDGED, STANDS
from orchestration.database.statements import fetch_all
from orchestration.domain.holds import HoldSubject
from orchestration.domain.states import AttemptOutcome
from orchestration.models import Attempt

LOW_CONFIDENCE: Final = "low_confidence"
_MOST_STATED: Final = 200_000


@dataclass(frozen=True, slots=True, order=True)
class Work:
    """What is calibrated: an agent at a step of a workflow. `step`: its key in the workflow's spec."""

    project: str
    workflow: str
    step: str
    agent: str


_FROM = f"""
    FROM escalation_ticket t JOIN escalation_reviewqueue q ON q.id = t.queue_id
    JOIN orchestration_step s ON s.id = t.step_id JOIN orchestration_run r ON r.id = t.run_id
    JOIN orchestration_project p ON p.id = r.project_id
    LEFT JOIN orchestration_auditsample u ON u.id = t.sample_id
    WHERE {JUDGED} AND (t.subject = '{HoldSubject.OUTPUT}' AND t.rule = '{LOW_CONFIDENCE}' OR u.id IS NOT NULL)
      AND t.confidence IS NOT NULL
      AND t.resolved_at >= %(since)s"""
_OF_WORK = """
      AND p.slug = %(project)s AND r.workflow_name = %(workflow)s AND s.spec_key = %(step)s AND t.agent = %(agent)s"""
_LIST: Final = f"""
SELECT DISTINCT p.slug AS project, r.workflow_name AS workflow, s.spec_key AS step, t.agent AS agent {_FROM}
    AND (%(agent)s::text IS NULL OR t.agent = %(agent)s)
    AND (%(projects)s::bigint[] IS NULL OR p.id = ANY(%(projects)s))
ORDER BY 1, 2, 3, 4
"""
_JUDGED: Final = f"""
SELECT t.confidence, {STANDS} AS is_right, 1 / COALESCE(u.rate, 1) AS weight {_FROM} {_OF_WORK}
"""


def list_judged_work(
    since: datetime, projects: Collection[int] | None = None, agent: str | None = None
) -> list[Work]:
    """Return whose outputs people judged since a moment.

    Args: projects: ids; None for all.  agent: only this one's.
    """
    given = {"since": since, "projects": None if projects is None else list(projects), "agent": agent}
    return [Work(*row) for row in fetch_all(_LIST, given)]


def load_judged(work: Work, since: datetime) -> list[Judged]:
    """Return the outputs that people judged."""
    rows = fetch_all(_JUDGED, {"since": since} | _name(work))
    return [Judged(row.confidence, row.is_right, row.weight) for row in rows]


def load_stated(work: Work, since: datetime) -> list[float]:
    """Return the confidences of all answers of the time, judged or not; of very many, the latest."""
    answers = Attempt.objects.filter(
        pk__gte=find_first_attempt(since),
        outcome=AttemptOutcome.ANSWERED,
        confidence__isnull=False,
        agent=work.agent,
        step__spec_key=work.step,
        run__workflow_name=work.workflow,
        run__project__slug=work.project,
    )
    latest = answers.order_by("-pk").values_list("confidence", flat=True)[:_MOST_STATED]
    return [confidence for confidence in latest if confidence is not None]


def _name(work: Work) -> dict[str, str]:
    return {"project": work.project, "workflow": work.workflow, "step": work.step, "agent": work.agent}
