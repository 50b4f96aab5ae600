"""A filter of lists by project."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from orchestration.admin.access import caller_of
from orchestration.selectors.scope import find_projects


class ProjectFilter(SimpleListFilter):
    """By project, of those that the person is a member of."""

    title = "project"
    parameter_name = "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the projects."""
        return [(row.slug, row.name) for row in find_projects(caller_of(request))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the list."""
        slug = self.value()
        return queryset.filter(project__slug=slug.replace("\x00", " ")) if slug else queryset
