"""Which tickets are alike: those of one step of one workflow that one rule held. Pure."""

from typing import Final

from orchestration.domain.plan import planned_name

MOST_CHARACTERS: Final = 400
"""Of what alike tickets have in common."""


def name_alike(project_id: int, workflow: str, step: str, rule: str) -> str:
    """Return what alike tickets have in common; grown steps count for the one of the workflow they come from.

    Its parts can't hold the sign between them: names and rules have neither spaces nor lines.
    """
    return f"{project_id} {workflow} {planned_name(step)} {rule}"[:MOST_CHARACTERS]
