"""What a run's tree may use, what is reserved, spent and lost of it; and raising its limits."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration import runs
from orchestration.api.base import ApiView
from orchestration.api.bodies import TopUpBody
from orchestration.api.rows import Row
from orchestration.api.runs import IDEMPOTENCY_KEY, read_key
from orchestration.budgets import list_pots, sum_by_step
from orchestration.domain.rights import Right
from orchestration.models import Run
from orchestration.selectors.scope import find_run


class PotRow(Row):
    """One unit of a run's or a step's budget, in whole numbers of the unit."""

    id = serializers.IntegerField(read_only=True)
    run = serializers.UUIDField(source="run_id", read_only=True)
    step_key = serializers.CharField(
        source="step.key", read_only=True, allow_null=True, default=None, help_text="Null: it is the run's."
    )
    above = serializers.IntegerField(
        source="parent_id", read_only=True, allow_null=True, help_text="The next one above of the same unit."
    )
    unit = serializers.CharField(
        read_only=True, help_text="`micro_usd`, `tokens`, `calls` or `human_seconds`."
    )
    limit = serializers.IntegerField(read_only=True)
    reserved = serializers.IntegerField(read_only=True, help_text="By what is under way, at its most.")
    spent = serializers.IntegerField(read_only=True)
    lost = serializers.IntegerField(read_only=True, help_text="Reserved by what nobody can tell the cost of.")
    left = serializers.IntegerField(source="state.left", read_only=True)
    overrun = serializers.IntegerField(read_only=True, help_text="Used beyond the limit.")
    unmet = serializers.IntegerField(
        read_only=True, help_text="Of people's time: what open tickets would reserve beyond the limit."
    )
    is_tight = serializers.SerializerMethodField(help_text="Four fifths are taken.")
    is_used_up = serializers.SerializerMethodField(help_text="Nothing is left.")

    def get_is_tight(self, pot: Any) -> bool:
        """Four fifths are taken."""
        return bool(pot.state.is_tight())

    def get_is_used_up(self, pot: Any) -> bool:
        """Nothing is left."""
        return bool(pot.state.is_used_up)


class StepSumRow(Row):
    """What the calls of one step used."""

    run = serializers.UUIDField(source="run_id", read_only=True)
    step_key = serializers.CharField(read_only=True)
    calls = serializers.IntegerField(read_only=True, help_text="Each time that one was made.")
    tokens = serializers.IntegerField(read_only=True)
    micro_usd = serializers.IntegerField(read_only=True)
    lost_tokens = serializers.IntegerField(read_only=True)
    lost_micro_usd = serializers.IntegerField(read_only=True)


class BudgetRow(Row):
    """The budgets of a run's tree, those nearest to the root first, and what its first 200 steps used."""

    budgets = PotRow(many=True, read_only=True)
    steps = StepSumRow(many=True, read_only=True)


class RunBudget(ApiView):
    """Budgets of a run's tree."""

    @extend_schema(operation_id="get_budget", responses=BudgetRow)
    def get(self, _request: Request, run_id: UUID) -> Response:
        """Show the budgets of a run's tree: limit, reserved, spent, lost, left; and what each step used."""
        return _show(find_run(self.caller, run_id))


class RunTopUp(ApiView):
    """Raising limits."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(
        operation_id="top_up_run", request=TopUpBody, responses=BudgetRow, parameters=[IDEMPOTENCY_KEY]
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        """Add to limits of a run's budget, or of a step's own; who waited goes on. Without a key, twice adds twice."""
        key = read_key(request)
        body = self.read_body(TopUpBody)
        run = find_run(self.caller, run_id, Right.RUN)
        runs.top_up(run.pk, **body, key=key, by=self.person)
        return _show(find_run(self.caller, run_id, Right.RUN))


def _show(run: Run) -> Response:
    told = {"budgets": list_pots(run.root_id), "steps": sum_by_step(run.root_id)}
    return Response(BudgetRow(told).data)
