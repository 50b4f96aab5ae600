"""What happened, in one order: to a run, to an actor, about a key, or in a project between two times."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.domain.notebook import MemoryScope
from orchestration.api.base import ApiView
from orchestration.api.filters import LineageFilter
from orchestration.api.problems import ParameterInvalid
from orchestration.api.rows import Row
from orchestration.models import LineageLine
from orchestration.selectors.actors import find_actor
from orchestration.selectors.lineage import ORDER, LineageQuery, Subject, list_lineage
from orchestration.selectors.lineage_subjects import About, check_query, find_actor_at, find_subject
from orchestration.selectors.lineage_words import read_data, tell_line
from orchestration.selectors.scope import find_run

_BELOW = OpenApiParameter("below", enum=["1"], description="`1`: of all runs below it, too.")
_PROJECT = OpenApiParameter("project", str, description="Slug of the project; `default`, if left out.")
_ABOUT = (
    _PROJECT,
    OpenApiParameter(
        "memory", str, description="Key of a memory: its versions, and the looks and hand-offs that had one."
    ),
    OpenApiParameter("scope", enum=list(MemoryScope), description="Of the memory; `project`, if left out."),
    OpenApiParameter(
        "id", str, description="Whose the memory is: the agent, run or actor; not of a project."
    ),
    OpenApiParameter(
        "idempotency_key", str, description="Of runs and messages, with the turns that got these."
    ),
)


class LineageRow(Row):
    """One thing that happened."""

    id = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    run = serializers.UUIDField(
        source="run_id", read_only=True, allow_null=True, help_text="Null of mail and memories of no run."
    )
    step = serializers.IntegerField(source="step_id", read_only=True, allow_null=True)
    step_key = serializers.CharField(source="step.key", read_only=True, default=None, allow_null=True)
    attempt = serializers.IntegerField(read_only=True, allow_null=True)
    at = serializers.DateTimeField(read_only=True)
    name = serializers.CharField(
        read_only=True,
        help_text="An event's kind, a decision's rule, a call's path, a memory's key, a ticket's act.",
    )
    words = serializers.SerializerMethodField()
    data = serializers.SerializerMethodField()  # type: ignore[assignment]

    @extend_schema_field({"description": "A JSON object; what it holds goes with the kind."})
    def get_data(self, line: Any) -> Any:
        """What the words don't tell, without secrets."""
        return read_data(line)

    def get_words(self, line: Any) -> str:
        """The line in words."""
        return tell_line(line)


class _LineageList(ApiView):
    """What lineages of anything share."""

    queryset = LineageLine.objects.none()
    filterset_class = LineageFilter
    order: ClassVar[tuple[str, ...]] = ORDER

    def show_lineage(self, of: Subject, *parameters: str) -> Response:
        """Return a page of the lines about something. `parameters`: what else the query may hold."""
        times = self._read_times()
        below = self.request.query_params.get("below")
        if below not in {None, "1"}:
            raise ParameterInvalid("below: give 1, or leave it out")
        asked = LineageQuery(of, below=below == "1", since=times["since"], until=times["until"])
        check_query(asked)
        return self.show_page(list_lineage(asked), LineageRow, "below", *parameters)

    def _read_times(self) -> dict[str, Any]:
        """Return the times by which less has to be looked through.

        Raises: ValidationError: they are none; names the field.
        """
        form = LineageFilter(self.request.query_params, queryset=self.queryset, request=self.request).form
        if not form.is_valid():
            self.filter_queryset(self.queryset)
        return {name: form.cleaned_data.get(name) for name in ("since", "until")}


class RunLineage(_LineageList):
    """All that happened to a run."""

    @extend_schema(operation_id="list_run_lineage", parameters=[_BELOW], responses=LineageRow(many=True))
    def get(self, _request: Request, run_id: UUID) -> Response:
        """List all that happened to a run in one order, the oldest line first."""
        return self.show_lineage(find_run(self.caller, run_id))


class ActorLineage(_LineageList):
    """All that happened to an actor."""

    @extend_schema(operation_id="list_actor_lineage", parameters=[_BELOW], responses=LineageRow(many=True))
    def get(self, _request: Request, actor_id: int) -> Response:
        """List all that happened in an actor's turns, and the mail that no turn got, the oldest line first."""
        return self.show_lineage(find_actor(self.caller, actor_id))


class AddressLineage(_LineageList):
    """All that happened to the actor at an address."""

    @extend_schema(
        operation_id="list_address_lineage", parameters=[_BELOW, _PROJECT], responses=LineageRow(many=True)
    )
    def get(self, request: Request, address: str) -> Response:
        """List the same by an actor's address, such as support.case/4711."""
        project = request.query_params.get("project", "default")
        return self.show_lineage(find_actor_at(self.caller, address, project), "project")


class Lineage(_LineageList):
    """What happened about a key, or in a project."""

    @extend_schema(operation_id="list_lineage", parameters=[_BELOW, *_ABOUT], responses=LineageRow(many=True))
    def get(self, request: Request) -> Response:
        """List what happened about a memory, under an idempotency key, or in a project between `since` and `until`."""
        asked = request.query_params
        if "memory" in asked and "idempotency_key" in asked:
            raise ParameterInvalid("memory: give this or `idempotency_key`, not both")
        about = (
            About.MEMORY if "memory" in asked else About.KEY if "idempotency_key" in asked else About.PROJECT
        )
        name = asked.get("memory", asked.get("idempotency_key", ""))
        given = {"name": name, **{each: asked.get(each, "") for each in ("project", "scope", "id")}}
        of_memory = ("memory", "scope", "id") if about is About.MEMORY else ()
        subject = find_subject(self.caller, about, given)
        return self.show_lineage(subject, "project", "idempotency_key", *of_memory)
