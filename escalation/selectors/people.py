"""Who decides the tickets of a review queue, and how much each of them has. Reads only."""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet

from agents.domain.classification import make_storable
from escalation.domain.assignment import Reviewer
from escalation.domain.desk_rights import DeskRight, desk_roles_with, project_roles_with
from escalation.domain.states import TicketStatus
from escalation.errors import AssigneeUnfit
from escalation.models import AssignmentTurn, QueueRole, ReviewerProfile, ReviewQueue, Ticket
from escalation.selectors.seats import list_live_seats
from orchestration.models import Membership


def list_deciders(queue: ReviewQueue) -> QuerySet[User]:
    """Return the people whose roles let them decide the tickets of a queue. Superusers only if they have one, too."""
    return _list_people(queue, DeskRight.DECIDE)


def list_deciders_at(queues: QuerySet[ReviewQueue]) -> QuerySet[User]:
    """Return the people whose roles let them decide tickets of any of these queues; one query, however many queues."""
    chosen, roles = queues.order_by(), desk_roles_with(DeskRight.DECIDE)
    own = QueueRole.objects.filter(queue__in=chosen.values("pk"), role__in=roles).order_by()
    implied = Membership.objects.filter(
        project__in=chosen.filter(is_restricted=False).values("project"),
        role__in=project_roles_with(DeskRight.DECIDE),
    ).order_by()
    is_member = Q(groups__in=own.values("group")) | Q(groups__in=implied.values("group"))
    people = get_user_model().objects.filter(is_member, is_active=True).order_by()
    return get_user_model().objects.filter(pk__in=people.values("pk")).order_by("username")


def list_leads(queue: ReviewQueue) -> QuerySet[User]:
    """Return the people whose roles let them lead a queue. Superusers only if they have one, too."""
    return _list_people(queue, DeskRight.LEAD)


def _list_people(queue: ReviewQueue, right: DeskRight) -> QuerySet[User]:
    own = QueueRole.objects.filter(queue=queue, role__in=desk_roles_with(right)).order_by()
    is_member = Q(groups__in=own.values("group"))
    if not queue.is_restricted:
        roles = project_roles_with(right)
        implied = Membership.objects.filter(project=queue.project_id, role__in=roles).order_by()
        is_member |= Q(groups__in=implied.values("group"))
    people = get_user_model().objects.filter(is_active=True).filter(is_member)
    return people.distinct().order_by("pk")


def find_decider(queue: ReviewQueue, username: str) -> User:
    """Return somebody who decides tickets of a queue. Others are not found, whether they exist or not.

    Raises: AssigneeUnfit: nobody of this name does.
    """
    person = list_deciders(queue).filter(username=make_storable(username)).first()
    if person is None:
        raise AssigneeUnfit(
            f"to: nobody called '{username[:150]}' decides tickets of the queue '{queue.slug}'; its roles, and those "
            "of its project, say who does."
        )
    return person


def list_reviewers(queue: ReviewQueue, now: datetime) -> dict[int, Reviewer]:
    """Return how things stand with everybody who decides tickets of a queue, by id. Four queries."""
    ids = list(list_deciders(queue).values_list("pk", flat=True))
    profiles = {row.user_id: row for row in ReviewerProfile.objects.filter(user__in=ids)}
    turns = dict(AssignmentTurn.objects.filter(queue=queue, user__in=ids).values_list("user", "at"))
    loads = count_loads(ids, now)
    found = {}
    for pk in ids:
        profile = profiles.get(pk)
        found[pk] = Reviewer(
            user_id=pk,
            held=loads.get(pk, 0),
            capacity=profile.capacity if profile else None,
            tags=frozenset(profile.tags) if profile else frozenset(),
            is_present=not (profile and profile.is_absent(now)),
            substitute_id=profile.substitute_id if profile else None,
            last_turn_at=turns.get(pk),
        )
    return found


def count_loads(user_ids: list[int], now: datetime) -> dict[int, int]:
    """Return how many tickets people hold or are assigned at the moment, in all queues, by id."""
    loads: dict[int, int] = {}
    open_tickets = Ticket.objects.filter(status=TicketStatus.OPEN, decided_at=None).order_by()
    for column, until in (("claimed_by", "claim_expires_at"), ("assigned_to", "assigned_until")):
        rows = open_tickets.filter(**{f"{column}__in": user_ids, f"{until}__gt": now})
        for pk, count in rows.values_list(column).annotate(count=Count("pk")):
            loads[pk] = loads.get(pk, 0) + count
    for pk, count in list_live_seats(user_ids).values_list("person").annotate(count=Count("pk")):
        loads[pk] = loads.get(pk, 0) + count
    return loads


def list_tags(user_id: int | None) -> list[str]:
    """Return what somebody knows their way about in."""
    tags = ReviewerProfile.objects.filter(user=user_id).values_list("tags", flat=True).first()
    return tags or []
