"""How agents do: the part of an agent that the engine's rows know."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.base import ApiView
from orchestration.api.health_rows import HealthRow
from orchestration.selectors.resources import measure_health


class AgentHealth(ApiView):
    """How an agent has done lately."""

    @extend_schema(operation_id="get_agent_health", responses=HealthRow)
    def get(self, _request: Request, agent: str) -> Response:
        """Show who serves an agent, its breaker, and how its latest attempts in the runs that you may see ended."""
        return Response(HealthRow(measure_health(self.caller, agent)).data)
