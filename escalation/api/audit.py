"""The audit of the desk in the REST API."""

from typing import Any, ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.rows import AnyJson
from escalation.audit.reading import scope_audit, tell_line
from escalation.domain.acts import Act, Door
from escalation.models import AuditLine
from orchestration.api.base import ApiView


class AuditFilters(filters.FilterSet):
    """Lines of the audit."""

    project = filters.CharFilter(field_name="queue__project__slug", max_length=100)
    queue = filters.CharFilter(field_name="queue__slug", max_length=100)
    person = filters.CharFilter(field_name="actor_name", max_length=150)
    ticket = filters.NumberFilter(field_name="ticket_id", min_value=1, max_value=2**63 - 1)
    act = filters.ChoiceFilter(choices=[(a.value, a.value) for a in Act])
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")


class AuditRow(serializers.Serializer[Any]):
    """One thing that somebody saw or did."""

    id = serializers.IntegerField(read_only=True)
    at = serializers.DateTimeField(read_only=True)
    act = serializers.ChoiceField(choices=[a.value for a in Act], read_only=True)
    person = serializers.CharField(read_only=True, help_text="User name as it was then; `engine` for a rule.")
    person_id = serializers.IntegerField(read_only=True, allow_null=True)
    door = serializers.ChoiceField(choices=[d.value for d in Door], read_only=True)
    address = serializers.CharField(
        read_only=True, help_text="Of the network; of a command, the system's user."
    )
    project = serializers.CharField(read_only=True, allow_null=True)
    queue = serializers.CharField(read_only=True, allow_null=True)
    ticket = serializers.IntegerField(read_only=True, allow_null=True)
    digest = serializers.CharField(read_only=True, help_text="SHA-256 of what was judged.")
    data = AnyJson(read_only=True)  # type: ignore[assignment]

    def to_representation(self, instance: AuditLine) -> dict[str, Any]:
        """Return the line as exports tell it."""
        return tell_line(instance)


class AuditList(ApiView):
    """The audit."""

    queryset = AuditLine.objects.none()
    filterset_class = AuditFilters
    order: ClassVar[tuple[str, ...]] = ("-pk",)

    @extend_schema(operation_id="list_audit", responses=AuditRow(many=True))
    def get(self, _request: Request) -> Response:
        """List who saw and did what at the review queues whose audit is open to you, the newest first."""
        return self.show_page(scope_audit(self.caller), AuditRow)
