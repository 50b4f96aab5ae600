"""What the steps of a run shared: memories, what was handed to whom and lost, budgets, and what happened last."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.base import ApiView
from orchestration.api.budgets import PotRow
from orchestration.api.lineage import LineageRow
from orchestration.api.memories import MemoryRow, add_shown
from orchestration.api.rows import HandoffRow, Row
from orchestration.domain.losses import SUMMED
from orchestration.selectors.context import MOST_HANDOFFS, MOST_LINES, MOST_MEMORIES, load_context
from orchestration.selectors.scope import find_run


class LostRow(Row):
    """What was lost of all that was handed over in short, as conditions read it under `summary`."""

    shortened = serializers.IntegerField(read_only=True)

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]
        """Return a field for each count."""
        return super().get_fields() | {name: serializers.IntegerField(read_only=True) for name in SUMMED}


class HandedRow(Row):
    """What all steps of a run were handed together."""

    handoffs = serializers.IntegerField(read_only=True, help_text="Of outputs.")
    shortened = serializers.IntegerField(read_only=True, help_text="Of outputs and memories.")
    fetched = serializers.IntegerField(read_only=True, help_text="Parts of originals.")
    recalled = serializers.IntegerField(read_only=True, help_text="Memories.")
    tokens_before = serializers.IntegerField(read_only=True)
    tokens_after = serializers.IntegerField(read_only=True)
    fetched_tokens = serializers.IntegerField(read_only=True)
    lost = LostRow(read_only=True)


class ContextRow(Row):
    """What the steps of a run shared."""

    handoff_tokens = serializers.IntegerField(
        read_only=True, help_text="So many tokens one step may be handed."
    )
    handed = HandedRow(read_only=True)
    memories = MemoryRow(
        many=True,
        read_only=True,
        help_text=f"Current ones of the run, or that its steps wrote; at most {MOST_MEMORIES}.",
    )
    handoffs = HandoffRow(many=True, read_only=True, help_text=f"The latest {MOST_HANDOFFS}.")
    budgets = PotRow(many=True, read_only=True)
    trace = LineageRow(many=True, read_only=True, help_text=f"The latest {MOST_LINES} lines of the lineage.")


class RunContextView(ApiView):
    """The context of a run."""

    @extend_schema(operation_id="get_context", responses=ContextRow)
    def get(self, _request: Request, run_id: UUID) -> Response:
        """Show what the steps of a run shared: memories, hand-offs and what they lost, budgets, what happened last."""
        context = load_context(find_run(self.caller, run_id))
        add_shown(context.memories, self.caller.user_id)
        return Response(ContextRow(context).data)
