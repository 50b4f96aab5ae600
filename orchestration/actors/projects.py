"""The project that a message, a topic or an actor belongs to."""

from orchestration.errors import ProjectNotFound
from orchestration.models import Project


def find_project(slug: str) -> Project:
    """Return a project by its slug.

    Raises: ProjectNotFound.
    """
    found = Project.objects.filter(slug=slug).first()
    if found is None:
        raise ProjectNotFound(
            f"project: there is no project {slug!r:.120}; publish a workflow to it, or name another"
        )
    return found
