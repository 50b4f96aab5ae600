"""The board for programs."""

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.figures import Period, build_board, summarise_board
from escalation.models import read_clock
from escalation.selectors import find_queues
from orchestration.api.base import ApiView
from orchestration.api.problems import ParameterInvalid
from orchestration.domain.span import read_span


class BoardRow(serializers.Serializer[Any]):
    """The board, in the words of `manage.py queue_report --json`."""

    since = serializers.DateTimeField(read_only=True)
    until = serializers.DateTimeField(read_only=True)
    now = serializers.DateTimeField(read_only=True)
    reaches_back_to = serializers.DateTimeField(read_only=True, allow_null=True)
    missing_since = serializers.DateTimeField(read_only=True, allow_null=True)
    total = serializers.DictField(read_only=True)
    queues = serializers.ListField(child=serializers.DictField(), read_only=True)
    backlog = serializers.ListField(child=serializers.DictField(), read_only=True)
    time = serializers.ListField(child=serializers.DictField(), read_only=True)
    agents = serializers.ListField(child=serializers.DictField(), read_only=True)
    rules = serializers.ListField(child=serializers.DictField(), read_only=True)
    reviewers = serializers.ListField(child=serializers.DictField(), read_only=True)


_PARAMETERS = [
    OpenApiParameter(
        "span", OpenApiTypes.STR, description="Hours or days, such as 12h or 30d; 24h by default."
    ),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="The end of the span; now by default."),
    OpenApiParameter("project", OpenApiTypes.STR, description="Only queues of this project."),
    OpenApiParameter("queue", OpenApiTypes.STR, description="Only the queue with this slug."),
]


class BoardView(ApiView):
    """The board."""

    @extend_schema(operation_id="get_board", parameters=_PARAMETERS, responses=BoardRow)
    def get(self, request: Request) -> Response:
        """Show how the review queues that you may see did over a span of time, and how they stand now."""
        self.check_parameters("span", "until", "project", "queue")
        asked = request.query_params
        until = _read_until(asked["until"]) if "until" in asked else read_clock()
        try:
            span = read_span(asked.get("span", "24h"))
        except ValueError as error:
            raise ParameterInvalid(f"span: {error}") from None
        wanted = {"project__slug": asked.get("project"), "slug": asked.get("queue")}
        known = {name: value for name, value in wanted.items() if value is not None}
        queues = list(find_queues(self.caller).filter(**known).values_list("pk", flat=True))
        return Response(summarise_board(build_board(self.caller, Period.build(until - span, until), queues)))


def _read_until(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.year < 2000 or moment.year > 9000:
        raise ParameterInvalid("until: give a time with its zone, such as 2026-03-01T00:00:00Z")
    return moment
