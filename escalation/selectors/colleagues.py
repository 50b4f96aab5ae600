"""Whom, which profiles and which groups somebody at the desk may ask for: those of their queues. Reads only."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet

from escalation.domain.desk_rights import DeskRight
from escalation.models import ClockTimestamp, ReviewerProfile
from escalation.selectors.people import list_deciders_at
from escalation.selectors.scope import find_queues
from orchestration.selectors.scope import Caller, find_known_groups


def list_managed(caller: Caller) -> QuerySet[User]:
    """Return the people who decide at queues that a caller manages."""
    return list_deciders_at(find_queues(caller, DeskRight.MANAGE))


def list_colleagues(caller: Caller) -> QuerySet[User]:
    """Return the people who decide at queues that a caller may look into."""
    return list_deciders_at(find_queues(caller))


def scope_reviewers(caller: Caller) -> QuerySet[User]:
    """Return the people whose profiles a caller may see, those without one too: themselves, and those managed.

    Each row says in `read_at` when it was read, by the database's clock.
    """
    seen = Q(pk=caller.user_id) | Q(pk__in=list_managed(caller).order_by().values("pk"))
    people = get_user_model().objects.filter(seen).annotate(read_at=ClockTimestamp())
    return people.select_related("reviewer_profile__substitute")


def scope_profiles(caller: Caller) -> QuerySet[ReviewerProfile]:
    """Return the profiles that a caller may see: their own, and those of people at queues that they manage."""
    seen = Q(user=caller.user_id) | Q(user__in=list_managed(caller).order_by().values("pk"))
    return (
        ReviewerProfile.objects.filter(seen).select_related("user", "substitute").order_by("user__username")
    )


def find_groups(caller: Caller) -> QuerySet[Group]:
    """Return the groups that a caller may give a role here: those they know, and those with one at their queues."""
    managed = find_queues(caller, DeskRight.MANAGE).order_by().values("pk")
    theirs = Group.objects.filter(queue_roles__queue__in=managed).order_by().values("pk")
    known = find_known_groups(caller).order_by().values("pk")
    return Group.objects.filter(Q(pk__in=theirs) | Q(pk__in=known)).order_by("name")
