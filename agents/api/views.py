"""What agents declare. Who may look and how lists are paged is bound in settings.REST_FRAMEWORK."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.domain.contract import AgentContract, Queue
from agents.errors import UnknownAgent
from agents.selectors import find_contract, list_contracts


class ContractRow(serializers.Serializer[AgentContract]):
    """An agent's contract."""

    name = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    description = serializers.CharField(read_only=True)
    queue = serializers.ChoiceField(choices=[queue.value for queue in Queue], read_only=True)
    timeout_seconds = serializers.FloatField(read_only=True, allow_null=True)
    effects = serializers.ListField(child=serializers.CharField(), read_only=True)
    reversible = serializers.BooleanField(read_only=True)
    input_schema = serializers.SerializerMethodField()
    output_schema = serializers.SerializerMethodField()

    @extend_schema_field({"description": "JSON Schema, or null."})
    def get_input_schema(self, contract: AgentContract) -> Any:
        """Return the schema of its input."""
        return contract.input_schema

    @extend_schema_field({"description": "JSON Schema, or null."})
    def get_output_schema(self, contract: AgentContract) -> Any:
        """Return the schema of its output."""
        return contract.output_schema


class Contracts(serializers.Serializer[Any]):
    """All agents."""

    results = ContractRow(many=True, read_only=True)


class AgentList(APIView):
    """Agents that this process has."""

    @extend_schema(operation_id="list_agents", responses=Contracts)
    def get(self, _request: Request) -> Response:
        """List all agents, by name."""
        return Response(Contracts({"results": list_contracts()}).data)


class AgentView(APIView):
    """One agent."""

    @extend_schema(operation_id="get_agent", responses=ContractRow)
    def get(self, _request: Request, agent: str) -> Response:
        """Show what an agent declares."""
        contract = find_contract(agent)
        if contract is None:
            raise UnknownAgent(f"no agent '{agent}' here; the list of agents shows the known ones")
        return Response(ContractRow(contract).data)
