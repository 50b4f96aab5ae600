"""What a step waits on, as the API shows it."""

from typing import Any

from rest_framework import serializers

from orchestration.domain.naming_waits import name_waits
from orchestration.journal.reading import list_awaited
from orchestration.models import Step


class WaitsOnRow(serializers.Serializer[Any]):
    """One thing on which a step waits."""

    what = serializers.CharField(
        read_only=True,
        help_text="`signal`, `timer`, `ask` (a question), `approval` (of calls); else as `waits_for` says.",
    )
    name = serializers.CharField(
        read_only=True, help_text="Of the signal; of the agent or model whose breaker is open; may be empty."
    )
    until = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When it is over by itself.")
    call = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Id of the call that waits; of `calls/{id}`."
    )


def show_waits(step: Step) -> list[dict[str, Any]]:
    """Return all on which a step waits."""
    named = name_waits(step, list_awaited(step_id=step.pk))
    return [dict(row) for row in WaitsOnRow(named, many=True).data]
