"""Summaries that were kept, by what they are of."""

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q

from orchestration.domain.states import StepKind, StepStatus
from orchestration.domain.summaries import Shortened, SummaryKey
from orchestration.models import Step, Summary

_KEY = tuple(SummaryKey.__dataclass_fields__)
_HANDED = tuple(Shortened.__dataclass_fields__)


def find_maker(run_id: UUID, step_id: int, claimed_at: datetime, item_json: str | None) -> str | None:
    """Return the key of a step of the run that began to make the same summary earlier and is at it."""
    earlier = Q(claimed_at__lt=claimed_at) | Q(claimed_at=claimed_at, pk__lt=step_id)
    makers = Step.objects.filter(earlier, run=run_id, kind=StepKind.SUMMARY, status=StepStatus.RUNNING)
    return makers.filter(item_json=item_json).exclude(pk=step_id).values_list("key", flat=True).first()


def find_summaries(project_id: int, keys: Iterable[SummaryKey]) -> dict[SummaryKey, Shortened]:
    """Return those of the wanted summaries that are kept."""
    wanted = [Q(**{name: getattr(key, name) for name in _KEY}) for key in keys]
    if not wanted:
        return {}
    rows = Summary.objects.filter(reduce(or_, wanted), project=project_id).values_list(*_KEY, *_HANDED)
    return {SummaryKey(*row[: len(_KEY)]): Shortened(*row[len(_KEY) :]) for row in rows}
