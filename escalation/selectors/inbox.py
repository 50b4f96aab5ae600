"""The inbox: one list over all queues of a person, page by page from a place on. Reads only.

Whatever is asked for, a page takes the same few statements, and none of them counts or sorts a whole table of
closed tickets by what has no index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Coalesce

from escalation.domain.inbox import InboxQuery, InboxState, Place
from escalation.domain.states import TicketStatus
from escalation.models import ClockTimestamp, ReviewQueue, Ticket
from escalation.selectors.hidden import find_inputs_withheld
from escalation.selectors.offers import for_others
from escalation.selectors.scope import find_queues, is_widened_to
from escalation.selectors.searching import narrow_to_search
from escalation.selectors.seats import has_place_for, is_at, sit_all
from escalation.selectors.tickets import LARGE_COLUMNS, with_beginnings
from orchestration.selectors.scope import Caller

PAGE_ROWS: Final = 50
MOST_COUNTED: Final = 1_000
# As JSON, in the place of what the run was asked.
_NOT_SHOWN: Final = '"(not shown)"'
# Not the people: beyond eight tables PostgreSQL plans long, and no longer begins with what narrows a search.
_RELATED = ("queue", "run", "step", "pending")
_PEOPLE = ("claimed_by", "resolved_by", "assigned_to")
_IS_OPEN = Q(status=TicketStatus.OPEN)
# The column that orders a view, and whether its latest come first; NULL is in none of these views.
_ORDER: Final[dict[InboxState, tuple[str, bool]]] = {
    InboxState.RESOLVED: ("resolved_at", True),
    InboxState.WITHDRAWN: ("withdrawn_at", True),
    InboxState.ALL: ("", True),
}
_BY_DUE: Final = ("due_at", False)


@dataclass(frozen=True, slots=True)
class InboxPage:
    """One page. `following`: where the next one begins; None: there is none."""

    tickets: list[Any]
    following: Place | None


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """How many open tickets of a person's queues there are, each up to MOST_COUNTED."""

    open: int = 0
    mine: int = 0
    free: int = 0
    breaching: int = 0


def list_queues(caller: Caller) -> list[ReviewQueue]:
    """Return the review queues whose tickets a caller may see."""
    return list(find_queues(caller).select_related("project").order_by("project__slug", "slug"))


def list_inbox(
    user_id: int, queue_ids: Sequence[int], query: InboxQuery, *, most: int | None = None
) -> InboxPage:
    """Return one page of what is asked for, without payloads, with the time at which it was read.

    Args: queue_ids: those whose tickets the person may see.  most: rows of a page; PAGE_ROWS if it is not said.
    """
    most = most or PAGE_ROWS
    rows = with_beginnings(find_inbox(user_id, queue_ids, query)).annotate(
        read_at=ClockTimestamp(),
        for_others=ExpressionWrapper(for_others(user_id), BooleanField()),
        is_guest=ExpressionWrapper(is_widened_to(user_id), BooleanField()),
        has_place=ExpressionWrapper(has_place_for(user_id), BooleanField()),
    )
    rows = rows.select_related(*_RELATED).defer(*LARGE_COLUMNS)
    column, latest_first = _ORDER.get(query.state, _BY_DUE)
    sign = "-" if latest_first else ""
    order = [f"{sign}{name}" for name in (column, "pk") if name]
    found = list(_go_on(rows, query.after, column, latest_first=latest_first).order_by(*order)[: most + 1])
    shown: list[Any] = sit_all(_with_people(found[:most]), user_id)
    withheld = find_inputs_withheld(shown, user_id)
    for ticket in shown:
        ticket.asked = _NOT_SHOWN if ticket.pk in withheld else ticket.asked
    if len(found) <= most:
        return InboxPage(shown, None)
    last = shown[-1]
    return InboxPage(shown, Place(getattr(last, column) if column else None, last.pk))


def _with_people(tickets: list[Ticket]) -> list[Ticket]:
    """Let these tickets have their people at hand, with one query for all."""
    ids = {getattr(ticket, f"{name}_id") for ticket in tickets for name in _PEOPLE}
    people = get_user_model().objects.in_bulk(ids - {None}) if ids - {None} else {}
    for ticket in tickets:
        for name in _PEOPLE:
            if (person := people.get(getattr(ticket, f"{name}_id"))) is not None:
                setattr(ticket, name, person)
    return tickets


def find_inbox(user_id: int, queue_ids: Sequence[int], query: InboxQuery) -> QuerySet[Ticket]:
    """Return the tickets that are asked for, in no order."""
    seen = Q(queue__in=queue_ids) | is_widened_to(user_id)
    rows = Ticket.objects.order_by().filter(seen, _IN_STATE[query.state](user_id))
    for name, column in _COLUMNS.items():
        if asked := getattr(query, name):
            rows = rows.filter(**{column: [asked] if name == "tag" else asked})
    return narrow_to_search(rows, query.search) if query.search else rows


_COLUMNS: Final = {
    "queue": "queue",
    "workflow": "run__workflow_name",
    "agent": "step__agent",
    "rule": "rule",
    "tag": "tags__contains",
    "sla": "sla",
}


def _is_claimed() -> Q:
    return _IS_OPEN & Q(claimed_by__isnull=False, claim_expires_at__gt=ClockTimestamp())


def _is_assigned_to(user_id: int) -> Q:
    is_free = Q(claimed_by__isnull=True) | Q(claim_expires_at__lte=ClockTimestamp())
    return _IS_OPEN & is_free & Q(assigned_to=user_id, assigned_until__gt=ClockTimestamp())


def _is_breaching() -> Q:
    """Return the condition that less than a quarter of the time is left, or none; by the clock, should it stand.

    What is decided does not run out any more, also while that waits to take effect.
    """
    shown = Coalesce("paused_at", ClockTimestamp())
    return _IS_OPEN & Q(decided_at=None, due_at__lt=shown + (F("due_at") - F("opened_at")) / 4)


# That the time is known is what the indexes say, too.
_IN_STATE: Final[dict[InboxState, Any]] = {
    InboxState.OPEN: lambda _: _IS_OPEN,
    InboxState.MINE: lambda user_id: (
        (_is_claimed() & Q(claimed_by=user_id)) | _is_assigned_to(user_id) | (_IS_OPEN & is_at(user_id))
    ),
    InboxState.FREE: lambda user_id: (
        _IS_OPEN
        & (Q(claimed_by__isnull=True) | Q(claim_expires_at__lte=ClockTimestamp()))
        & has_place_for(user_id)
    ),
    InboxState.BREACHING: lambda _: _is_breaching(),
    InboxState.SNOOZED: lambda _: _IS_OPEN & Q(snoozed_until__isnull=False),
    InboxState.CLAIMED: lambda _: _is_claimed(),
    InboxState.RESOLVED: lambda _: Q(status=TicketStatus.RESOLVED, resolved_at__isnull=False),
    InboxState.WITHDRAWN: lambda _: Q(status=TicketStatus.WITHDRAWN, withdrawn_at__isnull=False),
    InboxState.ALL: lambda _: Q(),
}


def is_in_state(state: InboxState, user_id: int) -> Q:
    """Return the condition that a ticket stands in a view, as this person has it."""
    condition: Q = _IN_STATE[state](user_id)
    return condition


def _go_on(
    rows: QuerySet[Ticket], after: Place | None, column: str, *, latest_first: bool
) -> QuerySet[Ticket]:
    if after is None or (after.at is None) != (not column):
        return rows
    side = "lt" if latest_first else "gt"
    behind = Q(**{f"pk__{side}": after.number})
    if column:
        # The plain comparison beside it lets the index begin there.
        behind = Q(**{f"{column}__{side}e": after.at}) & (Q(**{f"{column}__{side}": after.at}) | behind)
    return rows.filter(behind)


_WIDENED: Final = """widened AS (SELECT ticket_id FROM escalation_breachdeed JOIN auth_user_groups USING (group_id)
    WHERE user_id = %(person)s)"""
_OPEN: Final = """SELECT FROM escalation_ticket WHERE status = 'open'
    AND (queue_id = ANY(%(queues)s) OR id IN (SELECT ticket_id FROM widened))"""
_LATE_SOON: Final = (
    "decided_at IS NULL AND due_at < COALESCE(paused_at, clock_timestamp()) + (due_at - opened_at) / 4"
)
_BREACHING: Final = f"""
WITH {_WIDENED} SELECT count(*) FROM ({_OPEN} AND {_LATE_SOON} LIMIT %(most)s) a
"""
_COUNTS: Final = f"""
WITH {_WIDENED}, seated AS (SELECT ticket_id, has_voted FROM escalation_seat
    WHERE person_id = %(person)s AND (has_voted OR claim_expires_at > clock_timestamp()))
SELECT (SELECT count(*) FROM ({_OPEN} LIMIT %(most)s) a),
       (SELECT count(*) FROM ({_OPEN}
            AND ((claimed_by_id = %(person)s AND claim_expires_at > clock_timestamp())
                OR (assigned_to_id = %(person)s AND assigned_until > clock_timestamp()
                    AND (claimed_by_id IS NULL OR claim_expires_at <= clock_timestamp()))
                OR id IN (SELECT ticket_id FROM seated WHERE NOT has_voted))
            LIMIT %(most)s) a),
       (SELECT count(*) FROM ({_OPEN}
            AND (claimed_by_id IS NULL OR claim_expires_at <= clock_timestamp())
            AND (seats = 1 OR needs_lead OR (id NOT IN (SELECT ticket_id FROM seated) AND seats > (
                SELECT count(*) FROM escalation_seat s WHERE s.ticket_id = escalation_ticket.id
                AND (s.has_voted OR s.claim_expires_at > clock_timestamp()))))
            LIMIT %(most)s) a),
       (SELECT count(*) FROM ({_OPEN} AND {_LATE_SOON} LIMIT %(most)s) a)
"""


def count_breaching(user_id: int | None, queue_ids: Sequence[int]) -> int:
    """Return how many open tickets are late or soon will be, up to MOST_COUNTED: each page of the console says so."""
    with connection.cursor() as cursor:
        cursor.execute(_BREACHING, {"queues": list(queue_ids), "person": user_id, "most": MOST_COUNTED})
        return int(cursor.fetchone()[0])


def count_inbox(user_id: int | None, queue_ids: Sequence[int]) -> InboxCounts:
    """Return the counts of the views, in one statement that reads at most so many rows of each."""
    parameters = {"queues": list(queue_ids), "person": user_id, "most": MOST_COUNTED}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, parameters)
        return InboxCounts(*cursor.fetchone())
