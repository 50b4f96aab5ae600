"""The project that a message, a topic or an actor belongs to."""

from agents.domain.classification import make_storable
from orchestration.errors import ProjectNotFound
from orchestration.models import Project


def is_storable(text: object) -> bool:
    """Return whether something is a text that a column could hold; nothing is found by any other."""
    return isinstance(text, str) and make_storable(text) == text


def find_project(slug: str) -> Project:
    """Return a project by its slug.

    Raises: ProjectNotFound.
    """
    found = Project.objects.filter(slug=slug).first() if is_storable(slug) else None
    if found is None:
        raise refuse_project(slug)
    return found


def refuse_project(slug: object) -> ProjectNotFound:
    """Return what says that there is no such project."""
    return ProjectNotFound(
        f"project: there is no project {slug!r:.120}; publish a workflow to it, or name another"
    )
