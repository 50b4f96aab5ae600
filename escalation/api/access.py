"""Who may enter the API: members of a project, and whoever has a role at a review queue.

Bound by settings.REST_FRAMEWORK. Rows that somebody has no role for are not found, as everywhere.
"""

from escalation.selectors import is_at_desk
from orchestration.api import access
from orchestration.selectors.scope import Caller


class MayEnter(access.MayEnter):
    """Lets in who works at a review queue, too: of runs and workflows they find none."""

    def is_inside(self, caller: Caller) -> bool:
        """Return whether anything is open to a caller."""
        return super().is_inside(caller) or is_at_desk(caller)
