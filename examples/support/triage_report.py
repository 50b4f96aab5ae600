"""How well `support-triage` did: the rows of its runs against the expectation in their input."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Max, Min, Q

from examples.support.intents import OUT_OF_SCOPE_LABELS
from orchestration.domain.states import DecisionKind, RunStatus, StepStatus
from orchestration.models import Decision, Run, Step

WORKFLOW = "support-triage"
_CLASSIFY = "classify"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    Attributes:
        expected: the intent a person named.
        answered_as: the intent it was answered for, None if it was not answered.
        is_escalated: a person was asked.
    """

    expected: str
    answered_as: str | None
    is_escalated: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The figures. What is neither answered nor escalated is open or failed."""

    runs: int
    in_scope: int
    in_scope_answered: int
    answered_rightly: int
    out_of_scope: int
    out_of_scope_answered: int
    out_of_scope_escalated: int
    open_or_failed: int

    @property
    def share_answered(self) -> float:
        """Return the share of the in-scope messages that were answered."""
        return _share(self.in_scope_answered, self.in_scope)

    @property
    def share_right(self) -> float:
        """Return the share of all answers that are right; one to an out-of-scope message never is."""
        return _share(self.answered_rightly, self.in_scope_answered + self.out_of_scope_answered)

    @property
    def share_escalated(self) -> float:
        """Return the share of the out-of-scope messages that went to a person."""
        return _share(self.out_of_scope_escalated, self.out_of_scope)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it went, from the first start to the last end of a step."""

    steps: int
    seconds: float

    @property
    def steps_per_second(self) -> float:
        """Return the pace, 0 when nothing was done."""
        return round(self.steps / self.seconds, 1) if self.seconds else 0.0


def summarise(outcomes: Iterable[Outcome]) -> Report:
    """Count the outcomes."""
    rows = list(outcomes)
    known = [row for row in rows if row.expected not in OUT_OF_SCOPE_LABELS]
    strange = [row for row in rows if row.expected in OUT_OF_SCOPE_LABELS]
    return Report(
        runs=len(rows),
        in_scope=len(known),
        in_scope_answered=sum(row.answered_as is not None for row in known),
        answered_rightly=sum(row.answered_as == row.expected for row in known),
        out_of_scope=len(strange),
        out_of_scope_answered=sum(row.answered_as is not None for row in strange),
        out_of_scope_escalated=sum(row.is_escalated for row in strange),
        open_or_failed=sum(row.answered_as is None and not row.is_escalated for row in rows),
    )


def find_outcomes() -> list[Outcome]:
    """Return what became of every message that came with an expectation."""
    escalations = Decision.objects.filter(run__workflow_name=WORKFLOW, kind=DecisionKind.ESCALATE)
    escalated = set(escalations.values_list("run_id", flat=True))
    outputs = dict(
        Step.objects.filter(
            run__workflow_name=WORKFLOW, run__status=RunStatus.SUCCEEDED, key=_CLASSIFY
        ).values_list("run_id", "output_json")
    )
    outcomes = []
    for run_id, input_json in Run.objects.filter(workflow_name=WORKFLOW).values_list("pk", "input_json"):
        expected = json.loads(input_json).get("expected_intent")
        if expected is not None:
            # What a person answered in the end is not the classifier's answer.
            answer = None if run_id in escalated else outputs.get(run_id)
            outcomes.append(
                Outcome(expected, json.loads(answer)["intent"] if answer else None, run_id in escalated)
            )
    return outcomes


def measure_pace() -> Pace:
    """Return how many steps were done in what time."""
    steps = Step.objects.filter(run__workflow_name=WORKFLOW)
    # A held step was done too: its agent answered.
    done = steps.filter(Q(status=StepStatus.SUCCEEDED) | Q(status=StepStatus.HELD)).count()
    times = steps.aggregate(first=Min("run__created_at"), last=Max("attempts__finished_at"))
    if times["first"] is None or times["last"] is None:
        return Pace(done, 0.0)
    return Pace(done, round((times["last"] - times["first"]).total_seconds(), 2))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
