"""How many people decide a ticket, and whether there are that many who can. Reads only.

Worked out with the ticket's route, before anything is written: the transaction of the hold has no statement more.
"""

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import BooleanField, Func, Q, QuerySet, Value

from escalation.conf import get_conf
from escalation.domain.votes import ALONE, Quorum
from escalation.escrow.requesters import RequestersOf
from escalation.models import BreachDeed, ReviewerProfile, ReviewQueue, Seat, Ticket
from escalation.selectors.people import list_deciders


class HasQuorum(Func):
    """Whether several people decide the tickets of a queue, as a part of the ticket's own INSERT."""

    template = "(SELECT q.seats > 1 FROM escalation_reviewqueue q WHERE q.id = %(expressions)s)"

    def __init__(self, queue_id: int) -> None:
        """Take the queue."""
        super().__init__(Value(queue_id), output_field=BooleanField())


def plan_quorum(queue_id: int, run_id: UUID, tags: tuple[str, ...]) -> tuple[Quorum, str]:
    """Return how many people are to decide a ticket that opens in a queue, and a note where there are too few."""
    queue = ReviewQueue.objects.get(pk=queue_id)
    if not queue.has_quorum:
        return ALONE, ""
    asked = ReviewQueue.objects.filter(pk=queue_id).annotate(asked=RequestersOf(run_id))
    requesters = list(asked.values_list("asked", flat=True).get())
    people = _list_voters(queue, requesters, tags).count()
    if people >= queue.votes_needed:
        return Quorum(queue.seats, queue.votes_needed), ""
    return (
        Quorum(queue.seats, queue.votes_needed, needs_lead=True),
        f"{queue.votes_needed} people would have to agree on it, and only {people} can decide it: a lead does.",
    )


def count_voters_left(ticket: Ticket) -> int:
    """Return how many votes can still come on a locked ticket: free seats for which there are people."""
    free = ticket.seats - ticket.votes_cast
    if free <= 0:
        return 0
    people = _list_voters(ticket.queue, ticket.requesters, tuple(ticket.tags), ticket)
    voted = Seat.objects.filter(ticket=ticket.pk, has_voted=True).order_by()
    return min(free, people.exclude(pk__in=voted.values("person")).count())


def _list_voters(
    queue: ReviewQueue, requesters: list[int], tags: tuple[str, ...], ticket: Ticket | None = None
) -> QuerySet[User]:
    """Return who may vote: who decides the queue's tickets and did not ask for the work, with all tags if need be."""
    may = Q(pk__in=list_deciders(queue).order_by().values("pk"))
    if ticket is not None:
        opened_to = BreachDeed.objects.filter(ticket=ticket.pk, group__isnull=False).order_by()
        may |= Q(groups__in=opened_to.values("group"))
    people = User.objects.filter(may, is_active=True)
    if not get_conf().OWN_DECISIONS:
        people = people.exclude(pk__in=requesters)
    if queue.needs_all_tags and tags:
        know = ReviewerProfile.objects.filter(tags__contains=list(tags)).order_by()
        people = people.filter(pk__in=know.values("user"))
    return people.distinct()
