"""Who may do what at a review queue: roles of the queue, and those of its project, give rights, and nothing else does.

Pure. Read next: `escalation/selectors/scope.py`, which asks the rows.
"""

from collections.abc import Iterable
from enum import StrEnum

from orchestration.domain.rights import Right, Role, Scope


class DeskRole(StrEnum):
    """What the members of a group are at a review queue."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    LEAD = "lead"
    QUEUE_ADMIN = "queue_admin"
    AUDITOR = "auditor"


class DeskRight(StrEnum):
    """What somebody may do at a review queue."""

    LOOK = "look"  # see the queue, its tickets, and of their runs what the ticket page shows
    DECIDE = "decide"  # claim, release, vote, resolve, comment
    LEAD = "lead"  # reassign, override, pause clocks
    MANAGE = "manage"  # change members, targets, routes, policies
    READ_AUDIT = "read_audit"  # read and export who saw and did what


DESK_RIGHTS_OF: dict[DeskRole, frozenset[DeskRight]] = {
    DeskRole.VIEWER: frozenset({DeskRight.LOOK}),
    DeskRole.REVIEWER: frozenset({DeskRight.LOOK, DeskRight.DECIDE}),
    DeskRole.LEAD: frozenset({DeskRight.LOOK, DeskRight.DECIDE, DeskRight.LEAD}),
    DeskRole.QUEUE_ADMIN: frozenset({DeskRight.LOOK, DeskRight.MANAGE}),
    DeskRole.AUDITOR: frozenset({DeskRight.LOOK, DeskRight.READ_AUDIT}),
}
"""What a role may do at its queue. Who has several roles may do what any of them may."""

IMPLIED: dict[Role, frozenset[DeskRole]] = {
    Role.VIEWER: frozenset({DeskRole.VIEWER}),
    Role.OPERATOR: frozenset({DeskRole.VIEWER}),
    Role.REVIEWER: frozenset({DeskRole.REVIEWER}),
    Role.ADMIN: frozenset(DeskRole),
}
"""What a role in a project makes its members at each queue of the project that is not restricted."""

DESK_SCOPE_OF: dict[DeskRight, Scope] = {
    DeskRight.LOOK: Scope.READ,
    DeskRight.DECIDE: Scope.REVIEW,
    DeskRight.LEAD: Scope.REVIEW,
    DeskRight.MANAGE: Scope.ADMIN,
    DeskRight.READ_AUDIT: Scope.READ,
}
"""The scope that a token needs for a right."""

PROJECT_RIGHT_OF: dict[DeskRight, Right] = {
    DeskRight.LOOK: Right.VIEW,
    DeskRight.DECIDE: Right.REVIEW,
    DeskRight.LEAD: Right.MANAGE,
    DeskRight.MANAGE: Right.MANAGE,
    DeskRight.READ_AUDIT: Right.MANAGE,
}
"""Whose roles in a project imply a right at its queues, also while it has none yet."""


def desk_roles_with(right: DeskRight) -> tuple[DeskRole, ...]:
    """Return the roles of a queue that have a right."""
    return tuple(role for role, rights in DESK_RIGHTS_OF.items() if right in rights)


def project_roles_with(right: DeskRight) -> tuple[Role, ...]:
    """Return the roles of a project that imply a right at its queues, the restricted ones excepted."""
    giving = frozenset(desk_roles_with(right))
    return tuple(role for role, implied in IMPLIED.items() if implied & giving)


def desk_rights_of(roles: Iterable[str], scopes: Iterable[str] | None) -> frozenset[DeskRight]:
    """Return what roles of a queue allow, through a token with these scopes.

    Args: roles: of one person at one queue.  scopes: None without a token.
    """
    allowed = frozenset[DeskRight]().union(*(DESK_RIGHTS_OF[DeskRole(role)] for role in roles))
    return narrow(allowed, scopes)


def narrow(rights: Iterable[DeskRight], scopes: Iterable[str] | None) -> frozenset[DeskRight]:
    """Return what of these rights a token with these scopes leaves; all without a token."""
    if scopes is None:
        return frozenset(rights)
    given = frozenset(scopes)
    return frozenset(right for right in rights if DESK_SCOPE_OF[right] in given)


def implied_rights(roles: Iterable[str]) -> frozenset[DeskRight]:
    """Return what roles of a project allow at each of its queues that is not restricted."""
    desk = frozenset[DeskRole]().union(*(IMPLIED[Role(role)] for role in roles))
    return desk_rights_of(desk, None)
