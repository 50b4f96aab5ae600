"""Missed deadlines."""

from typing import Any, ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.domain.states import DeadlineKind
from escalation.models import Breach
from escalation.selectors import scope_tickets
from orchestration.api.base import ApiView


class BreachFilter(filters.FilterSet):
    """Missed deadlines."""

    project = filters.CharFilter(field_name="ticket__queue__project__slug", max_length=100)
    queue = filters.CharFilter(field_name="ticket__queue__slug", max_length=100)
    deadline = filters.ChoiceFilter(choices=[(kind.value, kind.value) for kind in DeadlineKind])
    since = filters.IsoDateTimeFilter(field_name="due_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="due_at", lookup_expr="lt")


class BreachRow(serializers.Serializer[Any]):
    """A deadline that was missed; it stays so whatever becomes of the ticket."""

    ticket = serializers.IntegerField(source="ticket_id", read_only=True)
    project = serializers.CharField(source="ticket.queue.project.slug", read_only=True)
    queue = serializers.CharField(source="ticket.queue.slug", read_only=True)
    deadline = serializers.ChoiceField([kind.value for kind in DeadlineKind], read_only=True)
    due_at = serializers.DateTimeField(read_only=True, help_text="Its true due time, of then.")
    found_at = serializers.DateTimeField(read_only=True)


class BreachList(ApiView):
    """Missed deadlines."""

    queryset = Breach.objects.none()
    filterset_class = BreachFilter
    order: ClassVar[tuple[str, ...]] = ("-due_at", "-pk")

    @extend_schema(operation_id="list_breaches", responses=BreachRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the deadlines that tickets of your queues missed, the latest first."""
        seen = scope_tickets(self.caller).order_by().values("pk")
        rows = Breach.objects.filter(ticket__in=seen).select_related("ticket__queue__project")
        columns = ("deadline", "due_at", "found_at", "ticket__queue__slug", "ticket__queue__project__slug")
        return self.show_page(rows.only(*columns), BreachRow)
