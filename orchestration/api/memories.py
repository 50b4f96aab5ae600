"""What is remembered: looked through, as it stood at a time, with its history; written and forgotten by people."""

from datetime import datetime
from typing import ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.domain.notebook import MemoryScope
from orchestration import memory
from orchestration.api.base import ApiView
from orchestration.api.bodies import ForgetBody, RememberBody
from orchestration.api.fields import JsonText, word
from orchestration.api.filters import MemoryFilter
from orchestration.api.problems import ParameterInvalid
from orchestration.api.rows import Row
from orchestration.domain.rights import Right
from orchestration.errors import MemoryNotFound
from orchestration.memory.desk import list_current, list_versions
from orchestration.models import Memory
from orchestration.selectors.scope import find_project, scope_rows


class MemoryRow(Row):
    """One version of what is remembered under a key, with who wrote it."""

    id = serializers.IntegerField(read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True)
    scope = word(MemoryScope)
    scope_id = serializers.CharField(read_only=True, help_text="The agent, the run or the actor; else empty.")
    key = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    value = JsonText(source="value_json")
    is_forgotten = serializers.BooleanField(read_only=True, help_text="Its value is gone, and shown as null.")
    digest = serializers.CharField(read_only=True, help_text="SHA-256 of the value; it stays.")
    tokens = serializers.IntegerField(read_only=True)
    search = serializers.CharField(read_only=True, help_text="What a recall looks at.")
    valid_from = serializers.DateTimeField(read_only=True)
    replaced_at = serializers.DateTimeField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)
    run = serializers.UUIDField(source="run_id", read_only=True, allow_null=True)
    step = serializers.CharField(source="step.key", read_only=True, allow_null=True, default=None)
    attempt = serializers.IntegerField(source="attempt.number", read_only=True, allow_null=True, default=None)
    agent = serializers.CharField(source="attempt.agent", read_only=True, allow_null=True, default=None)
    person = serializers.CharField(source="person_name", read_only=True, help_text="Who wrote it by hand.")
    forgetting = serializers.IntegerField(source="forgotten_id", read_only=True, allow_null=True)


class ForgettingRow(Row):
    """That memories were forgotten."""

    id = serializers.IntegerField(read_only=True)
    reason = serializers.CharField(read_only=True)
    person = serializers.CharField(source="person_name", read_only=True)
    at = serializers.DateTimeField(read_only=True)
    versions = serializers.IntegerField(read_only=True, help_text="So many were forgotten.")


_AT = OpenApiParameter(
    "at", datetime, description="As it stood then; a time with its zone. Now, if left out."
)


class MemoryList(ApiView):
    """What is remembered."""

    queryset = Memory.objects.none()
    filterset_class = MemoryFilter
    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(operation_id="list_memories", responses=MemoryRow(many=True), parameters=[_AT])
    def get(self, request: Request) -> Response:
        """List what is remembered: the version of each key that counts, or counted at a time."""
        at = _read_moment(request.query_params.get("at"))
        return self.show_page(_scoped(self, list_current(at=at)), MemoryRow, "at")

    @extend_schema(operation_id="remember", request=RememberBody, responses={201: MemoryRow})
    def post(self, _request: Request) -> Response:
        """Write the next version of a key by hand; with `expected_version`, only if that is the latest."""
        body = self.read_body(RememberBody)
        project = find_project(self.caller, body.pop("project"), Right.RUN)
        written = memory.remember(**body, project=project.slug, by=self.person, through="api")
        return Response(MemoryRow(list_versions().get(pk=written.pk)).data, status=201)


class MemoryHistory(ApiView):
    """All versions of a key."""

    queryset = Memory.objects.none()
    order: ClassVar[tuple[str, ...]] = ("-version",)

    @extend_schema(operation_id="list_memory_versions", responses=MemoryRow(many=True))
    def get(self, _request: Request, memory_id: int) -> Response:
        """List all versions of the key of a memory, the latest first, with who wrote each."""
        rows = _scoped(self, list_versions())
        one = rows.filter(pk=memory_id).first()
        if one is None:
            raise MemoryNotFound(f"no memory {memory_id}; the list of memories shows those you may see")
        about = {"project": one.project_id, "scope": one.scope, "scope_id": one.scope_id, "key": one.key}
        return self.show_page(rows.filter(**about), MemoryRow)


class MemoryForgetting(ApiView):
    """Forgetting."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.MANAGE}

    @extend_schema(operation_id="forget", request=ForgetBody, responses=ForgettingRow)
    def post(self, _request: Request) -> Response:
        """Forget what memories say, in all versions: of a key, of keys that begin so, or that name a text."""
        body = self.read_body(ForgetBody)
        project = find_project(self.caller, body.pop("project"), Right.MANAGE)
        told = memory.forget(**body, project=project.slug, by=self.person, through="api")
        return Response(ForgettingRow(told).data)


def _scoped(view: ApiView, rows: QuerySet[Memory]) -> QuerySet[Memory]:
    return scope_rows(view.caller, rows, "project")


def _read_moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise ParameterInvalid("at: give a time with its zone, such as 2026-11-30T02:13:00Z")
    return moment
