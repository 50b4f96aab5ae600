"""The routing rules of a project: read and changed as one list, and tried on recent tickets before."""

from dataclasses import asdict
from typing import Any, ClassVar, Final

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.queue_parts import check_lines
from escalation.domain.routing import MOST_RULES
from escalation.models import ReviewQueue, RoutingRule
from escalation.queues import describe_rule, preview_routes, read_rule, record_change
from escalation.selectors import find_queues
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text
from orchestration.domain.rights import Right
from orchestration.models import Project
from orchestration.selectors.scope import find_project

_NAMES: Final = ("name", "workflow", "step", "agent", "rule", "expression")


def _named(most: int, words: str = "") -> Text:
    return Text(max_length=most, required=False, allow_blank=True, default="", help_text=words)


class RuleLine(Body):
    """One rule. What is left out matches every ticket."""

    name = _named(100, "What tickets say they were routed by.")
    queue = Text(
        max_length=100, allow_null=True, help_text="By its slug; null: it is gone, the rule is passed over."
    )
    workflow = _named(100)
    step = _named(100, "Key of the step.")
    agent = _named(200)
    rule = _named(60, "Of the policy, such as low_confidence.")
    confidence_from = serializers.FloatField(required=False, allow_null=True, default=None)
    confidence_to = serializers.FloatField(required=False, allow_null=True, default=None)
    expression = _named(10_000, "CEL over input (of the run) and proposal (what is judged).")
    tags = serializers.ListField(child=Text(max_length=40), required=False, default=list)


class RulesBody(Body):
    """All rules of a project, the first that matches wins."""

    rules = serializers.ListField(child=RuleLine(), max_length=MOST_RULES)


class PreviewLineRow(serializers.Serializer[Any]):
    """One ticket."""

    ticket_id = serializers.IntegerField(read_only=True)
    went_to = serializers.CharField(read_only=True)
    would_go_to = serializers.CharField(read_only=True)
    by = serializers.CharField(read_only=True, help_text="The rule; empty if none matches.")
    notes = serializers.ListField(child=serializers.CharField(), read_only=True)


class PreviewRow(serializers.Serializer[Any]):
    """What recent tickets would do."""

    tickets = serializers.IntegerField(read_only=True, help_text="That were looked at, the newest.")
    is_cut = serializers.BooleanField(read_only=True, help_text="There was no time for more.")
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    moved = PreviewLineRow(many=True, read_only=True, help_text="That would go elsewhere than they did.")


class RoutingView(ApiView):
    """The rules of a project."""

    rights: ClassVar[dict[str, Right]] = {"PUT": Right.MANAGE}

    @extend_schema(operation_id="list_routing_rules", responses=RulesBody)
    def get(self, _request: Request, project: str) -> Response:
        """Show the routing rules of a project in their order."""
        return _show(find_project(self.caller, project))

    @extend_schema(operation_id="change_routing_rules", request=RulesBody, responses=RulesBody)
    def put(self, _request: Request, project: str) -> Response:
        """Change the routing rules of a project: the list as a whole, in its order. Tickets that are open stay."""
        found = find_project(self.caller, project, Right.MANAGE)
        lines = self.read_body(RulesBody)["rules"]
        with transaction.atomic():
            # Two who change the list at once do so one after the other, so that each tells what they found.
            Project.objects.select_for_update().get(pk=found.pk)
            before = _describe(found)
            rows = _make_rows(found, lines)
            RoutingRule.objects.filter(project=found).delete()
            RoutingRule.objects.bulk_create(rows)
            record_change(self.person, None, f"routing of {found.slug}", before, _describe(found))
        return _show(found)


class RoutingPreview(ApiView):
    """What rules would do."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.MANAGE}

    @extend_schema(operation_id="preview_routing_rules", request=RulesBody, responses=PreviewRow)
    def post(self, _request: Request, project: str) -> Response:
        """Show what recent tickets would have gone where under these rules. Nothing is saved."""
        found = find_project(self.caller, project, Right.MANAGE)
        rows = _make_rows(found, self.read_body(RulesBody)["rules"])
        queues = list(find_queues(self.caller).filter(project=found).values_list("pk", flat=True))
        preview = preview_routes(found.pk, [read_rule(row) for row in rows], queues)
        told = {
            "tickets": len(preview.lines),
            "is_cut": preview.is_cut,
            "counts": preview.counts,
            "moved": [asdict(line) for line in preview.moved],
        }
        return Response(PreviewRow(told).data)


def _make_rows(project: Project, lines: list[dict[str, Any]]) -> list[RoutingRule]:
    """Return the rules as rows that are not saved.

    Raises: ValidationError: names the rule, from 0, and the field.
    """
    queues = {queue.slug: queue for queue in ReviewQueue.objects.filter(project=project)}
    unknown = {
        str(number): {"queue": f"the project has no review queue '{slug}'"}
        for number, line in enumerate(lines)
        if (slug := line["queue"]) is not None and slug not in queues
    }
    if unknown:
        raise serializers.ValidationError({"rules": unknown})
    rows = [
        RoutingRule(project=project, position=number, **{**line, "queue": queues.get(line["queue"])})
        for number, line in enumerate(lines, start=1)
    ]
    check_lines("rules", (), rows)
    return rows


def _list_rows(project: Project) -> list[RoutingRule]:
    return list(
        RoutingRule.objects.filter(project=project).select_related("queue").order_by("position", "pk")
    )


def _describe(project: Project) -> dict[str, Any]:
    return {"rules": [describe_rule(row) for row in _list_rows(project)]}


def _show(project: Project) -> Response:
    lines = [
        {
            **{name: getattr(row, name) for name in (*_NAMES, "confidence_from", "confidence_to", "tags")},
            "queue": row.queue.slug if row.queue else None,
        }
        for row in _list_rows(project)
    ]
    return Response(RulesBody({"rules": lines}).data)
