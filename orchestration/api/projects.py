"""Projects, as far as the caller is a member."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.base import ApiView
from orchestration.api.rows import ProjectRow
from orchestration.models import Project
from orchestration.selectors.scope import find_project, find_projects, list_rights_by_project


class ProjectList(ApiView):
    """The caller's projects."""

    queryset = Project.objects.none()
    order: ClassVar[tuple[str, ...]] = ("slug",)

    def get_serializer_context(self) -> dict[str, Any]:
        """Hand the rights to the rows."""
        return {"rights": list_rights_by_project(self.caller)}

    @extend_schema(operation_id="list_projects", responses=ProjectRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the projects that you are a member of, and what you may do in each."""
        return self.show_page(find_projects(self.caller), ProjectRow)


class ProjectView(ApiView):
    """One project."""

    @extend_schema(operation_id="get_project", responses=ProjectRow)
    def get(self, _request: Request, project: str) -> Response:
        """Show a project and what you may do in it."""
        context = {"rights": list_rights_by_project(self.caller)}
        return Response(ProjectRow(find_project(self.caller, project), context=context).data)
