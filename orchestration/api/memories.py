"""What is remembered: looked through, as it stood at a time, with its history; written and forgotten by people."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.domain.memories import MOST_LIKE
from agents.domain.notebook import MemoryScope
from orchestration import memory
from orchestration.api.base import ApiView
from orchestration.api.bodies import DEFAULT_PROJECT, ForgetBody, RememberBody
from orchestration.api.fields import word
from orchestration.api.filters import MemoryFilter
from orchestration.api.paging import read_size
from orchestration.api.problems import AuditSilent, ParameterInvalid
from orchestration.api.rows import Row
from orchestration.domain.rights import Right
from orchestration.errors import MemoryNotFound, RightMissing
from orchestration.memory.desk import list_versions
from orchestration.models import Memory
from orchestration.selectors.memories_shown import (
    list_versions_of,
    order_alike,
    scope_memories,
    scope_versions,
    show_memories,
)
from orchestration.selectors.scope import find_project, find_projects
from orchestration.selectors.withheld import UNTOLD


class MemoryRow(Row):
    """One version of what is remembered under a key, with who wrote it."""

    id = serializers.IntegerField(read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True)
    scope = word(MemoryScope)
    scope_id = serializers.CharField(read_only=True, help_text="The agent, the run or the actor; else empty.")
    key = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    value = serializers.SerializerMethodField()
    hidden = serializers.SerializerMethodField()
    is_forgotten = serializers.BooleanField(read_only=True, help_text="Its value is gone, and shown as null.")
    digest = serializers.CharField(read_only=True, help_text="SHA-256 of the value; it stays.")
    tokens = serializers.IntegerField(read_only=True)
    search = serializers.CharField(source="shown.search", read_only=True, help_text="What a recall looks at.")
    about = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Whom it tells something about."
    )
    reason = serializers.CharField(
        source="shown.reason", read_only=True, help_text="Why a person wrote it; else empty."
    )
    valid_from = serializers.DateTimeField(read_only=True)
    replaced_at = serializers.DateTimeField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)
    run = serializers.UUIDField(source="run_id", read_only=True, allow_null=True)
    step = serializers.CharField(source="step.key", read_only=True, allow_null=True, default=None)
    attempt = serializers.IntegerField(source="attempt.number", read_only=True, allow_null=True, default=None)
    agent = serializers.CharField(source="attempt.agent", read_only=True, allow_null=True, default=None)
    person = serializers.CharField(source="person_name", read_only=True, help_text="Who wrote it by hand.")
    forgetting = serializers.IntegerField(source="forgotten_id", read_only=True, allow_null=True)

    @extend_schema_field(
        {"description": "Any JSON value, without secrets; null, too, if forgotten or hidden."}
    )
    def get_value(self, memory: Any) -> Any:
        """What it says."""
        return json.loads(memory.shown.value_json or "null")

    def get_hidden(self, memory: Any) -> str | None:
        """Why the value is not shown; null when it is."""
        return memory.shown.hidden or None


class ForgettingRow(Row):
    """That memories were forgotten."""

    id = serializers.IntegerField(read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True)
    reason = serializers.CharField(read_only=True)
    person = serializers.CharField(source="person_name", read_only=True)
    at = serializers.DateTimeField(read_only=True)
    versions = serializers.IntegerField(read_only=True, help_text="So many were forgotten.")


_AT = OpenApiParameter(
    "at", datetime, description="As it stood then; a time with its zone. Now, if left out."
)


_LIKE = OpenApiParameter(
    "like",
    str,
    description="Those that are like this text, the best first, at most a page: by words, and by meaning where vectors "
    "are enabled.",
)


def add_shown(rows: Sequence[Any], user_id: int | None) -> Sequence[Any]:
    """Add to memories what of them somebody may see, for `MemoryRow`.

    Raises: AuditSilent: that somebody looks can't be written down.
    """
    shown = show_memories(rows, user_id)
    if UNTOLD in {one.hidden for one in shown.values()}:
        raise AuditSilent(UNTOLD)
    for row in rows:
        row.shown = shown[row.pk]
    return rows


class _MemoryView(ApiView):
    """Shows versions: without what a restricted queue keeps from the caller."""

    def paginate_queryset(self, queryset: QuerySet[Any] | Any) -> Any:
        """Return a page of rows, each with what may be shown of it."""
        return self.show(super().paginate_queryset(queryset) or [])

    def show(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Add what may be shown.

        Raises: AuditSilent.
        """
        return add_shown(rows, self.caller.user_id)


class MemoryList(_MemoryView):
    """What is remembered."""

    queryset = Memory.objects.none()
    filterset_class = MemoryFilter
    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(operation_id="list_memories", responses=MemoryRow(many=True), parameters=[_AT, _LIKE])
    def get(self, request: Request) -> Response:
        """List what is remembered: the version of each key that counts, or counted at a time."""
        at = _read_moment(request.query_params.get("at"))
        rows, like = scope_memories(self.caller, at=at), request.query_params.get("like")
        if like is None:
            return self.show_page(rows, MemoryRow, "at")
        self.check_parameters("at", "like", "page_size", *(self.filterset_class.base_filters))
        if not like.strip() or len(like) > MOST_LIKE or "\x00" in like:
            raise ParameterInvalid(f"like: give a text of 1 to {MOST_LIKE:,} characters")
        found = order_alike(self.filter_queryset(rows), like, self.caller.user_id)
        size = read_size(request.query_params.get("page_size"))
        return Response(
            {"results": MemoryRow(self.show(list(found[:size])), many=True).data, "next_cursor": None}
        )

    @extend_schema(operation_id="remember", request=RememberBody, responses={201: MemoryRow})
    def post(self, _request: Request) -> Response:
        """Write the next version of a key by hand; with `expected_version`, only if that is the latest."""
        body = self.read_body(RememberBody)
        project = find_project(self.caller, body.pop("project"), Right.RUN)
        written = memory.remember(**body, project=project.slug, by=self.person, through="api")
        [row] = self.show([list_versions().get(pk=written.pk)])
        return Response(MemoryRow(row).data, status=201)


class MemoryHistory(_MemoryView):
    """All versions of a key."""

    queryset = Memory.objects.none()
    order: ClassVar[tuple[str, ...]] = ("-version",)

    @extend_schema(operation_id="list_memory_versions", responses=MemoryRow(many=True))
    def get(self, _request: Request, memory_id: int) -> Response:
        """List all versions of the key of a memory, the latest first, with who wrote each."""
        one = scope_versions(self.caller).filter(pk=memory_id).first()
        if one is None:
            raise MemoryNotFound(f"no memory {memory_id}; the list of memories shows those you may see")
        return self.show_page(list_versions_of(one), MemoryRow)


class MemoryForgetting(ApiView):
    """Forgetting."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.MANAGE}
    pagination_class = None

    @extend_schema(operation_id="forget", request=ForgetBody, responses=ForgettingRow(many=True))
    def post(self, _request: Request) -> Response:
        """Forget what memories say, in all versions: all about somebody, a key, keys that begin so, what holds a text.

        With `about` and without a project, in all projects in which the caller may; a line for each with something.
        """
        body = self.read_body(ForgetBody)
        slug = body.pop("project")
        how: dict[str, Any] = {"reason": body["reason"], "by": self.person, "through": "api"}
        others = {name for name, given in body.items() if given is not None} - {"about", "reason"}
        if slug is None and body["about"] is not None and not others:
            slugs = list(find_projects(self.caller, Right.MANAGE).values_list("slug", flat=True))
            if not slugs:
                raise RightMissing("there is no project in which you may forget; that takes the role admin")
            told = memory.forget_about(body["about"], projects=slugs, **how)
        else:
            project = find_project(self.caller, slug or DEFAULT_PROJECT, Right.MANAGE)
            told = [memory.forget(**body | how, project=project.slug)]
        return Response(ForgettingRow(told, many=True).data)


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
