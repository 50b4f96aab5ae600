"""How well `fraud-check` did on payments whose label is known: right verdicts, missed fraud, people's share."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Q

from examples.fraud.books import LEGIT, Books
from examples.fraud.verdicts import FRAUD
from orchestration.domain.states import StepStatus
from orchestration.models import Run


@dataclass(frozen=True, slots=True)
class Outcome:
    """One checked payment. `verdict`: by a machine, or None when a person was asked or nobody has said yet."""

    is_fraud: bool
    verdict: str | None
    is_escalated: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of checked payments; the shares follow from them."""

    payments: int
    frauds: int
    caught: int
    wrongly_accused: int
    missed: int
    escalated: int
    frauds_escalated: int
    open_or_failed: int

    @property
    def precision(self) -> float:
        """Return which share of the machine's fraud verdicts is right."""
        accused = self.caught + self.wrongly_accused
        return round(self.caught / accused, 4) if accused else 1.0

    @property
    def recall(self) -> float:
        """Return which share of the frauds that the machine decided on it caught."""
        decided = self.caught + self.missed
        return round(self.caught / decided, 4) if decided else 1.0

    @property
    def share_seen(self) -> float:
        """Return which share of all frauds was caught or shown to a person."""
        return round((self.caught + self.frauds_escalated) / self.frauds, 4) if self.frauds else 1.0

    @property
    def share_escalated(self) -> float:
        """Return which share of all payments a person was asked about."""
        return round(self.escalated / self.payments, 4) if self.payments else 0.0

    def describe(self) -> dict[str, Any]:
        """Return counts and shares as JSON."""
        shares = ("precision", "recall", "share_seen", "share_escalated")
        return asdict(self) | {name: getattr(self, name) for name in shares}


def summarise(outcomes: Iterable[Outcome]) -> Report:
    """Count."""
    every = list(outcomes)
    decided = [one for one in every if one.verdict is not None]
    escalated = [one for one in every if one.is_escalated]
    accused = [one for one in decided if one.verdict == FRAUD]
    return Report(
        payments=len(every),
        frauds=sum(one.is_fraud for one in every),
        caught=sum(one.is_fraud for one in accused),
        wrongly_accused=sum(not one.is_fraud for one in accused),
        missed=sum(one.is_fraud for one in decided if one.verdict != FRAUD),
        escalated=len(escalated),
        frauds_escalated=sum(one.is_fraud for one in escalated),
        open_or_failed=len(every) - len(decided) - len(escalated),
    )


def find_outcomes(books: Books) -> Iterator[Outcome]:
    """Yield what became of the checked payments whose label the books know."""
    runs = Run.objects.filter(workflow_name="fraud-check").prefetch_related("steps")
    for run in runs.filter(Q(steps__key="verdict")).order_by("created_at").distinct():
        payment = books.payments.get(run.input["payment_id"])
        if payment is not None and payment.label is not None:
            steps = {step.key: step for step in run.steps.all()}
            was_asked = steps["review"].status not in {StepStatus.SKIPPED, StepStatus.PENDING}
            is_held = any(step.status == StepStatus.HELD for step in steps.values())
            verdict = steps["verdict"].output if steps["verdict"].status == StepStatus.SUCCEEDED else None
            is_escalated = was_asked or is_held
            said = verdict["verdict"] if verdict and not is_escalated else None
            yield Outcome(payment.label != LEGIT, said, is_escalated)
