"""What an agent's confidence is worth, and taking a threshold over."""

from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.domain.wish import DAYS, WISHED_ERROR, read_days, read_share
from escalation.learning import calibrate_agent, summarise_calibration
from escalation.learning.applying import apply_threshold
from escalation.models import read_clock
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import DEFAULT_PROJECT, Text
from orchestration.api.problems import ParameterInvalid
from orchestration.domain.rights import Right
from orchestration.selectors.scope import find_project, find_projects


class CalibrationRow(serializers.Serializer[Any]):
    """One step at which people judged what the agent put out, in the words of `calibrate_thresholds --json`."""

    project = serializers.CharField(read_only=True)
    workflow = serializers.CharField(read_only=True)
    step = serializers.CharField(read_only=True)
    agent = serializers.CharField(read_only=True)
    judged = serializers.IntegerField(read_only=True)
    stated = serializers.IntegerField(read_only=True, help_text="Answers that stated a confidence.")
    reliability = serializers.ListField(
        child=serializers.DictField(), read_only=True, help_text="By tenths of confidence."
    )
    threshold = serializers.DictField(read_only=True, help_text="In force, and what that means.")
    wished_error = serializers.FloatField(read_only=True)
    proposal = serializers.DictField(
        read_only=True, allow_null=True, help_text="The lowest threshold that surely meets the wish."
    )


class ThresholdBody(Body):
    """From which confidence on a step's answers are accepted."""

    project = Text(default=DEFAULT_PROJECT, max_length=100)
    step = Text(max_length=100, help_text="Its key in the workflow's spec.")
    confidence = serializers.FloatField(min_value=0, max_value=1)


class AppliedRow(serializers.Serializer[Any]):
    """What taking a threshold over did."""

    version = serializers.IntegerField(read_only=True, help_text="Of the workflow.")
    is_new = serializers.BooleanField(
        read_only=True, help_text="False: the latest one said the same already."
    )
    is_in_code = serializers.BooleanField(
        read_only=True,
        help_text="The workflow is defined in code too: set it there, or the next publish_workflows undoes it.",
    )


_PARAMETERS = [
    OpenApiParameter("error", float, description=f"The share that may be wrong; {WISHED_ERROR} by default."),
    OpenApiParameter("days", int, description=f"How far back decisions count; {DAYS} by default."),
    OpenApiParameter("project", str, description="Only this project."),
]


class AgentCalibration(ApiView):
    """What an agent's confidence is worth."""

    pagination_class = None

    @extend_schema(
        operation_id="get_agent_calibration", parameters=_PARAMETERS, responses=CalibrationRow(many=True)
    )
    def get(self, request: Request, agent: str) -> Response:
        """Show how often an agent was right at which confidence, and which thresholds that proposes."""
        self.check_parameters("error", "days", "project")
        asked = request.query_params
        projects = find_projects(self.caller)
        if "project" in asked:
            projects = projects.filter(pk=find_project(self.caller, asked["project"]).pk)
        try:
            wished = read_share(asked["error"]) if "error" in asked else WISHED_ERROR
            days = read_days(asked["days"]) if "days" in asked else DAYS
        except ValueError as error:
            raise ParameterInvalid(str(error)) from None
        ids = list(projects.values_list("pk", flat=True))
        found = calibrate_agent(agent, read_clock() - timedelta(days=days), wished, ids)
        return Response([summarise_calibration(one) for one in found])


class WorkflowThreshold(ApiView):
    """Taking a threshold over."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.PUBLISH}

    @extend_schema(
        operation_id="set_threshold", request=ThresholdBody, responses={201: AppliedRow, 200: AppliedRow}
    )
    def post(self, _request: Request, workflow: str) -> Response:
        """Publish a workflow with another least confidence of a step: 201 a new version, 200 it said so already."""
        body = self.read_body(ThresholdBody)
        project = find_project(self.caller, body["project"], Right.PUBLISH)
        applied = apply_threshold(project.slug, workflow, body["step"], body["confidence"], self.person)
        return Response(AppliedRow(applied).data, status=201 if applied.is_new else 200)
