"""What a step waits on, as the API shows it."""

from typing import Any

from rest_framework import serializers

from orchestration.domain.naming_waits import name_waits
from orchestration.journal.reading import list_awaited
from orchestration.models import Step
from orchestration.selectors.offers import find_waited_builds


class WaitsOnRow(serializers.Serializer[Any]):
    """One thing on which a step waits."""

    what = serializers.CharField(
        read_only=True,
        help_text="`signal`, `timer`, `ask` (a question), `approval` (of calls); else as `waits_for` says.",
    )
    name = serializers.CharField(
        read_only=True,
        help_text="Of the signal; of the agent that no worker has, or which a breaker keeps away, as it does models.",
    )
    until = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When it is over by itself.")
    call = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Id of the call that waits; of `calls/{id}`."
    )
    why = serializers.CharField(
        read_only=True,
        help_text="Which workers could not build the agent, and why; empty where none tells of it.",
    )


def show_waits(step: Step) -> list[dict[str, Any]]:
    """Return all on which a step waits."""
    named = name_waits(step, list_awaited(step_id=step.pk), find_waited_builds([step]).get(step.pk, ""))
    return [dict(row) for row in WaitsOnRow(named, many=True).data]
