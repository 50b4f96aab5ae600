"""Who may do what in a project: roles and token scopes give rights, and nothing else does.

Pure. Read next: `orchestration/selectors/scope.py`, which asks the rows.
"""

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """What the members of a group are in a project."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class Right(StrEnum):
    """What somebody may do."""

    VIEW = "view"  # look at workflows, runs, tickets and their history
    RUN = "run"  # start, cancel, pause, resume, retry and fork runs
    REVIEW = "review"  # claim, release and decide tickets
    PUBLISH = "publish"  # publish workflow versions
    MANAGE = "manage"  # change members and review queues


class Scope(StrEnum):
    """What an API token is good for, at most what its owner may do."""

    READ = "read"
    RUN = "run"
    REVIEW = "review"
    ADMIN = "admin"


RIGHTS_OF: dict[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.VIEW}),
    Role.OPERATOR: frozenset({Right.VIEW, Right.RUN}),
    Role.REVIEWER: frozenset({Right.VIEW, Right.REVIEW}),
    Role.ADMIN: frozenset(Right),
}
"""What a role may do in its project. Who has several roles may do what any of them may."""

SCOPE_OF: dict[Right, Scope] = {
    Right.VIEW: Scope.READ,
    Right.RUN: Scope.RUN,
    Right.REVIEW: Scope.REVIEW,
    Right.PUBLISH: Scope.ADMIN,
    Right.MANAGE: Scope.ADMIN,
}
"""The scope that a token needs for a right. One scope never implies another."""


def roles_with(right: Right) -> tuple[Role, ...]:
    """Return the roles that have a right."""
    return tuple(role for role, rights in RIGHTS_OF.items() if right in rights)


def rights_of(roles: Iterable[str], scopes: Iterable[str] | None) -> frozenset[Right]:
    """Return what roles allow, through a token with these scopes.

    Args: roles: of one person in one project.  scopes: None without a token.
    """
    allowed = frozenset[Right]().union(*(RIGHTS_OF[Role(role)] for role in roles))
    if scopes is None:
        return allowed
    given = frozenset(scopes)
    return frozenset(right for right in allowed if SCOPE_OF[right] in given)
