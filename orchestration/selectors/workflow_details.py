"""Workflows as the console lists them: one row per name, with its latest version."""

from collections.abc import Sequence

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from orchestration.models import Workflow

MOST_COUNTED = 1_000

# The LIMIT keeps a busy workflow from being counted out; the ORDER BY makes the planner read the index that begins
# with (project_id, workflow_name) instead of all runs.
_COUNT = """
SELECT w.id, (SELECT count(*) FROM (
    SELECT 1 FROM orchestration_run r
    WHERE r.project_id = w.project_id AND r.workflow_name = w.name
    ORDER BY r.idempotency_key LIMIT %(most)s) few)
FROM orchestration_workflow w WHERE w.id = ANY(%(workflows)s)
"""


def latest_versions(workflows: QuerySet[Workflow]) -> QuerySet[Workflow]:
    """Return the latest version of each name."""
    same = Workflow.objects.filter(project=OuterRef("project"), name=OuterRef("name"))
    return workflows.filter(~Exists(same.filter(version__gt=OuterRef("version"))))


def count_runs(workflows: Sequence[Workflow]) -> dict[int, int]:
    """Return how many runs each workflow's name has in its project, at most MOST_COUNTED + 1."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"workflows": [w.pk for w in workflows], "most": MOST_COUNTED + 1})
        return dict(cursor.fetchall())


def list_versions(workflow: Workflow) -> QuerySet[Workflow]:
    """Return all versions of a workflow's name, the latest first, without their specs."""
    versions = Workflow.objects.filter(project=workflow.project_id, name=workflow.name)
    return versions.defer("spec_json").order_by("-version")
