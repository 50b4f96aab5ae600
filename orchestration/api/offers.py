"""What present workers tell of their agents: who has one, with which tools, and who could not build it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.domain.offers import Approval, Readiness
from orchestration.api.base import ApiView
from orchestration.api.fields import word
from orchestration.api.rows import Row
from orchestration.selectors.offers import find_standing, list_standings

_WORDS = serializers.CharField


class ToolRow(Row):
    """A tool that a model may have called."""

    name = serializers.CharField(read_only=True)
    within = serializers.CharField(read_only=True, help_text="The inner agent that has it; may be empty.")
    effects = serializers.ListField(child=_WORDS(), read_only=True)
    reversible = serializers.BooleanField(read_only=True)
    repeatable = serializers.BooleanField(
        read_only=True, help_text="It is called again where nobody knows whether it happened."
    )
    approval = word(Approval, help_text="When a person is asked before it is called.")
    digest = serializers.CharField(read_only=True, help_text="Of its schema and description.")


class BuildFaultRow(Row):
    """Why a worker could not build an agent."""

    error_class = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True, help_text="One line; secrets are masked.")


class OfferRow(Row):
    """What a worker tells of an agent."""

    worker = serializers.CharField(read_only=True)
    is_offered = serializers.BooleanField(read_only=True, help_text="It takes steps of the agent.")
    readiness = word(Readiness, source="offer.readiness")
    version = serializers.IntegerField(source="offer.version", read_only=True)
    kind = serializers.CharField(source="offer.kind", read_only=True)
    queue = serializers.CharField(source="offer.queue", read_only=True)
    effects = serializers.ListField(source="offer.effects", child=_WORDS(), read_only=True)
    reversible = serializers.BooleanField(source="offer.reversible", read_only=True)
    input_digest = serializers.CharField(source="offer.input_digest", read_only=True)
    output_digest = serializers.CharField(source="offer.output_digest", read_only=True)
    models = serializers.ListField(source="offer.models", child=_WORDS(), read_only=True)
    tools = ToolRow(source="offer.tools", many=True, read_only=True)
    tool_count = serializers.IntegerField(source="offer.tool_count", read_only=True)
    has_more_tools = serializers.BooleanField(
        source="offer.has_more", read_only=True, help_text="Further ones are known only while it works."
    )
    tools_digest = serializers.CharField(
        source="offer.tools_digest", read_only=True, help_text="Of all tools; empty while it is not built."
    )
    fault = BuildFaultRow(source="offer.fault", read_only=True, allow_null=True)


class DifferenceRow(Row):
    """In what workers disagree."""

    what = serializers.CharField(read_only=True)
    words = serializers.CharField(read_only=True, help_text="Who tells what; most first.")


class StandingRow(Row):
    """How an agent stands among the present workers."""

    agent = serializers.CharField(source="name", read_only=True)
    offered_by = serializers.ListField(child=_WORDS(), read_only=True, help_text="Who takes its steps.")
    building = serializers.ListField(child=_WORDS(), read_only=True, help_text="Who is still building it.")
    trouble = serializers.CharField(
        read_only=True, help_text="Why nobody takes its steps; empty where somebody does."
    )
    differences = DifferenceRow(many=True, read_only=True)


class StandingDetail(StandingRow):
    """As in the list, with what each worker tells."""

    silent = serializers.ListField(
        child=_WORDS(), read_only=True, help_text="Who takes its steps and tells nothing of it."
    )
    workers = OfferRow(source="told", many=True, read_only=True)


class Standings(serializers.Serializer[Any]):
    """All agents that a present worker has."""

    results = StandingRow(many=True, read_only=True)


class OfferList(ApiView):
    """The agents that present workers have."""

    pagination_class = None

    @extend_schema(operation_id="list_offers", responses=Standings)
    def get(self, _request: Request) -> Response:
        """List all agents that a present worker has, by name."""
        self.check_parameters()
        return Response(Standings({"results": list_standings()}).data)


class AgentOffers(ApiView):
    """One agent among the workers."""

    @extend_schema(operation_id="get_agent_offers", responses=StandingDetail)
    def get(self, _request: Request, agent: str) -> Response:
        """Show what each present worker tells of an agent; nothing where none has it."""
        self.check_parameters()
        return Response(StandingDetail(find_standing(agent)).data)
