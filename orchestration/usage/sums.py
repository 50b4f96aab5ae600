"""What runs used together."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Sum

from orchestration.usage.amounts import Used
from orchestration.usage.rows import Usage


def sum_used(run_ids: Collection[UUID]) -> Used:
    """Return what all attempts of some runs used, those that came to nothing too."""
    total = Usage.objects.filter(run__in=run_ids).aggregate(
        input_tokens=Sum("input_tokens"), output_tokens=Sum("output_tokens"), cost_usd=Sum("cost_usd")
    )
    return Used(**total)
