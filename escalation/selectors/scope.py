"""Which review queues and tickets somebody may see, and what they may do there. The console and the API ask here.

What one may not see is not found, not forbidden. Commands and the engine act as the system and do not ask.
"""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet

from escalation.domain.desk_rights import (
    DESK_RIGHTS_OF,
    DESK_SCOPE_OF,
    DeskRight,
    DeskRole,
    desk_rights_of,
    desk_roles_with,
    implied_rights,
    narrow,
    project_roles_with,
)
from escalation.domain.states import TicketStatus
from escalation.errors import TicketNotFound
from escalation.models import BreachDeed, QueueRole, ReviewQueue, Ticket
from escalation.selectors.tickets import list_tickets, with_content
from orchestration.domain.rights import Right, Role
from orchestration.errors import RightMissing, ScopeMissing
from orchestration.models import Membership
from orchestration.selectors.scope import Caller, find_projects, find_projects_by_role


def find_queues(caller: Caller, right: DeskRight = DeskRight.LOOK) -> QuerySet[ReviewQueue]:
    """Return the review queues at which the caller's roles give a right; their token's scopes are not asked.

    Of a restricted queue only its own roles count, and superusers may change who has them: somebody must be able to
    when all who could have left. That is told in the audit, and shows them no ticket before they are a member.
    """
    queues = ReviewQueue.objects.order_by("project", "slug")
    if caller.project_id is not None:
        queues = queues.filter(project=caller.project_id)
    if caller.is_superuser and right is DeskRight.MANAGE:
        return queues
    projects = find_projects_by_role(caller, project_roles_with(right)).order_by().values("pk")
    implied = Q(is_restricted=False) if caller.sees_all else Q(is_restricted=False, project__in=projects)
    own = QueueRole.objects.filter(group__user=caller.user_id, role__in=desk_roles_with(right)).order_by()
    return queues.filter(implied | Q(pk__in=own.values("queue")))


def is_widened_to(user_id: int | None) -> Q:
    """Return the condition that a ticket was opened to a group of somebody's, as it was not decided in time.

    That lets them look at this ticket and decide it, as a reviewer of its queue would, and gives no other right.
    """
    return Q(pk__in=BreachDeed.objects.filter(group__user=user_id).order_by().values("ticket"))


def _is_open_to_guest(caller: Caller, right: DeskRight) -> Q:
    if right not in DESK_RIGHTS_OF[DeskRole.REVIEWER]:
        return Q(pk__in=())
    of_project = Q() if caller.project_id is None else Q(queue__project=caller.project_id)
    return is_widened_to(caller.user_id) & of_project


def find_shown_queues(caller: Caller) -> QuerySet[ReviewQueue]:
    """Return the review queues whose settings a caller may read: those they may look into, and those they manage.

    They are not the same: of a restricted queue a superuser sees no ticket, and gives somebody the role to.
    """
    rights = (DeskRight.LOOK, DeskRight.MANAGE)
    seen, managed = (find_queues(caller, right).order_by().values("pk") for right in rights)
    return ReviewQueue.objects.filter(Q(pk__in=seen) | Q(pk__in=managed)).order_by("project", "slug")


def find_known_queues(caller: Caller) -> QuerySet[ReviewQueue]:
    """Return the review queues that a caller may know of: what they may read, and what their projects have."""
    administered = find_projects(caller, Right.MANAGE).order_by().values("pk")
    shown = find_shown_queues(caller).order_by().values("pk")
    return ReviewQueue.objects.filter(Q(pk__in=shown) | Q(project__in=administered)).order_by(
        "project", "slug"
    )


def list_desk_rights(caller: Caller) -> dict[int, frozenset[DeskRight]]:
    """Return what a caller may do at each review queue at which they may do anything, by the queue's id. One query."""
    own = QueueRole.objects.filter(group__user=caller.user_id, queue=OuterRef("pk")).order_by()
    member = Membership.objects.filter(group__user=caller.user_id, project=OuterRef("project")).order_by()
    queues = ReviewQueue.objects.annotate(
        own=ArraySubquery(own.values("role")), implied=ArraySubquery(member.values("role"))
    ).order_by()
    if caller.project_id is not None:
        queues = queues.filter(project=caller.project_id)
    if not caller.is_superuser:
        queues = queues.filter(Exists(own) | Exists(member))
    found: dict[int, frozenset[DeskRight]] = {}
    for pk, is_restricted, held, in_project in queues.values_list("pk", "is_restricted", "own", "implied"):
        above = [Role.ADMIN.value] if caller.is_superuser else in_project
        if not is_restricted:
            implied = implied_rights(above)
        else:
            implied = frozenset({DeskRight.MANAGE}) if caller.is_superuser else frozenset()
        found[pk] = narrow(desk_rights_of(held, None) | implied, caller.scopes)
    return {pk: rights for pk, rights in found.items() if rights}


def is_at_desk(caller: Caller) -> bool:
    """Return whether a caller has a role at any review queue, whatever they are in its project, or is a guest there."""
    roles = QueueRole.objects.filter(group__user=caller.user_id)
    if caller.project_id is not None:
        roles = roles.filter(queue__project=caller.project_id)
    return roles.exists() or is_guest(caller)


def may_decide_anything(caller: Caller) -> bool:
    """Return whether somebody's roles let them decide, lead or manage at any queue there is or will be; guests too."""
    if caller.is_superuser:
        return True
    deciding = (DeskRight.DECIDE, DeskRight.LEAD, DeskRight.MANAGE)
    roles = {role for right in deciding for role in desk_roles_with(right)}
    implying = {role for right in deciding for role in project_roles_with(right)}
    return (
        QueueRole.objects.filter(group__user=caller.user_id, role__in=roles).exists()
        or Membership.objects.filter(group__user=caller.user_id, role__in=implying).exists()
        or is_guest(caller)
    )


def is_guest(caller: Caller) -> bool:
    """Return whether an open ticket was opened to a group of the caller's."""
    return Ticket.objects.filter(_is_open_to_guest(caller, DeskRight.LOOK), status=TicketStatus.OPEN).exists()


def may_desk(caller: Caller, queue: ReviewQueue, right: DeskRight) -> bool:
    """Return whether a caller may do this at a review queue."""
    is_in_scope = caller.scopes is None or DESK_SCOPE_OF[right] in caller.scopes
    return is_in_scope and find_queues(caller, right).filter(pk=queue.pk).exists()


def may_at_ticket(caller: Caller, ticket: Ticket, right: DeskRight) -> bool:
    """Return whether a caller may do this with a ticket: by a role at its queue, or as it was opened to their group."""
    if may_desk(caller, ticket.queue, right):
        return True
    is_in_scope = caller.scopes is None or DESK_SCOPE_OF[right] in caller.scopes
    return is_in_scope and Ticket.objects.filter(_is_open_to_guest(caller, right), pk=ticket.pk).exists()


def require_desk(caller: Caller, queue: ReviewQueue, right: DeskRight) -> None:
    """Refuse what a caller may not do at a review queue that they see.

    Raises: ScopeMissing: their token is not for this.  RightMissing: their roles do not allow it.
    """
    needed = DESK_SCOPE_OF[right]
    if caller.scopes is not None and needed not in caller.scopes:
        raise ScopeMissing(f"this token lacks the scope '{needed}'; make one that has it")
    if not may_desk(caller, queue, right):
        raise RightMissing(
            f"at the review queue '{queue.slug}' you may not {_SAID[right]}; "
            f"that takes the role {' or '.join(desk_roles_with(right))} there"
            + ("" if queue.is_restricted else f", or {' or '.join(project_roles_with(right))} in its project")
        )


_SAID: dict[DeskRight, str] = {
    DeskRight.LOOK: "look at tickets",
    DeskRight.DECIDE: "decide tickets",
    DeskRight.LEAD: "steer the work of others",
    DeskRight.MANAGE: "change the queue",
    DeskRight.READ_AUDIT: "read the audit",
}


def scope_tickets(caller: Caller, right: DeskRight = DeskRight.LOOK) -> QuerySet[Ticket]:
    """Return the tickets with which a caller may do this, as lists show them."""
    queues = find_queues(caller, right).order_by().values("pk")
    return list_tickets().filter(Q(queue__in=queues) | _is_open_to_guest(caller, right))


def find_ticket(caller: Caller, ticket_id: int, right: DeskRight = DeskRight.LOOK) -> Ticket:
    """Return a ticket that the caller may see and do this with.

    Raises: TicketNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    ticket = with_content(scope_tickets(caller)).filter(pk=ticket_id).first()
    if ticket is None:
        raise TicketNotFound(ticket_id)
    # Whoever sees it may look at it, unless their token is for less.
    is_known = right is DeskRight.LOOK and caller.scopes is None
    if not is_known and not may_at_ticket(caller, ticket, right):
        require_desk(caller, ticket.queue, right)
    return ticket
