"""Workflows: their versions, and publishing a spec that is data."""

from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import find_contract
from orchestration import runs
from orchestration.api.base import ApiView
from orchestration.api.bodies import DEFAULT_PROJECT, SpecBody
from orchestration.api.filters import WorkflowFilter
from orchestration.api.problems import list_spec_faults
from orchestration.api.rows import PublishedRow, ValidationRow, WorkflowDetail, WorkflowRow
from orchestration.domain.rights import Right
from orchestration.domain.spec import check_agents, load_spec
from orchestration.errors import SpecInvalid
from orchestration.models import Workflow
from orchestration.selectors.resources import find_version, list_versions
from orchestration.selectors.scope import find_project, scope_workflows
from orchestration.selectors.workflow_details import latest_versions

_PROJECT = OpenApiParameter("project", str, description=f"Its project; `{DEFAULT_PROJECT}` if left out.")


class WorkflowList(ApiView):
    """All workflows, each in its latest version; publishing."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.PUBLISH}
    queryset = Workflow.objects.none()
    filterset_class = WorkflowFilter
    order: ClassVar[tuple[str, ...]] = ("name", "pk")

    @extend_schema(operation_id="list_workflows", responses=WorkflowRow(many=True))
    def get(self, _request: Request) -> Response:
        """List workflows, each in its latest version."""
        rows = latest_versions(scope_workflows(self.caller)).select_related("project").defer("spec_json")
        return self.show_page(rows, WorkflowRow)

    @extend_schema(
        operation_id="publish_workflow", request=SpecBody, responses={201: PublishedRow, 200: PublishedRow}
    )
    def post(self, _request: Request) -> Response:
        """Publish a spec: 201 a new version, 200 the latest one said the same already."""
        body = self.read_body(SpecBody)
        project = find_project(self.caller, body["project"], Right.PUBLISH)
        published = runs.publish(load_spec(body["spec"]), project=project.slug)
        row = published.workflow
        row.is_new = published.is_new  # type: ignore[attr-defined]
        return Response(PublishedRow(row).data, status=201 if published.is_new else 200)


class WorkflowValidation(ApiView):
    """Publishing without doing it."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.VIEW}

    @extend_schema(operation_id="validate_workflow", request=SpecBody, responses=ValidationRow)
    def post(self, _request: Request) -> Response:
        """Say whether a spec could be published, and all that is wrong with it. Nothing is published."""
        body = self.read_body(SpecBody)
        find_project(self.caller, body["project"])
        try:
            check_agents(load_spec(body["spec"]), find_contract)
        except SpecInvalid as error:
            return Response(ValidationRow({"is_valid": False, "errors": list_spec_faults(error)}).data)
        return Response(ValidationRow({"is_valid": True, "errors": []}).data)


class VersionList(ApiView):
    """The versions of a workflow."""

    queryset = Workflow.objects.none()
    order: ClassVar[tuple[str, ...]] = ("-version", "pk")

    @extend_schema(
        operation_id="list_workflow_versions", parameters=[_PROJECT], responses=WorkflowRow(many=True)
    )
    def get(self, _request: Request, workflow: str) -> Response:
        """List the versions of a workflow, the latest first."""
        project = find_project(self.caller, _read_project(self))
        return self.show_page(list_versions(project, workflow), WorkflowRow, "project")


class VersionView(ApiView):
    """A version of a workflow."""

    @extend_schema(operation_id="get_workflow_version", parameters=[_PROJECT], responses=WorkflowDetail)
    def get(self, _request: Request, workflow: str, version: int) -> Response:
        """Show a version with its spec."""
        project = find_project(self.caller, _read_project(self))
        return Response(WorkflowDetail(find_version(project, workflow, version)).data)


def _read_project(view: ApiView) -> str:
    return view.read_parameter("project", DEFAULT_PROJECT)
