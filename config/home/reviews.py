"""A reviewer's part: what they hold, what is due next, what is about to be late. Reads only, one statement each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from django.contrib.auth.models import User
from django.http import HttpRequest

from escalation.admin.access import list_rights_at_desk
from escalation.admin.inbox import InboxRow, describe_counts, show_rows
from escalation.domain.inbox import InboxQuery, InboxState
from escalation.models import ReviewQueue, Ticket
from escalation.selectors.inbox import count_inbox, list_inbox
from escalation.selectors.presence import list_present

_MOST: Final = 5
_TITLES: Final = {
    InboxState.MINE: (
        "Yours",
        "You hold no ticket. Claim the next one: it is the one due first that nobody holds.",
    ),
    InboxState.BREACHING: ("About to be late", "Every open ticket has more than a quarter of its time left."),
    InboxState.FREE: ("Due next", "No other ticket is open that nobody holds. New ones appear here."),
}


@dataclass(frozen=True, slots=True)
class Pile:
    """A few tickets of a view of the inbox. `number`: how many there are in all, "" for none."""

    title: str
    address: str
    number: str
    rows: Sequence[InboxRow]
    empty: str


def show_reviews(request: HttpRequest, queues: Sequence[ReviewQueue]) -> list[Pile]:
    """Return the first tickets of a reviewer's views, of the queues at which they decide."""
    person = cast("User", request.user)
    ids = [queue.pk for queue in queues]
    found = _find_each_once(person.pk, ids)
    present = list_present({ticket.pk for tickets in found.values() for ticket in tickets})
    numbers = describe_counts(count_inbox(person.pk, ids))
    return [
        Pile(
            title,
            InboxQuery(state=state).write(),
            numbers[state.value],
            show_rows(found[state], present, person, list_rights_at_desk(request)),
            empty,
        )
        for state, (title, empty) in _TITLES.items()
    ]


def _find_each_once(person_id: int, queue_ids: Sequence[int]) -> dict[InboxState, list[Ticket]]:
    """Return the first tickets of each view, without those that a view before it shows."""
    found: dict[InboxState, list[Ticket]] = {}
    shown: set[int] = set()
    for state in _TITLES:
        page = list_inbox(person_id, queue_ids, InboxQuery(state=state), most=_MOST + len(shown))
        found[state] = [ticket for ticket in page.tickets if ticket.pk not in shown][:_MOST]
        shown.update(ticket.pk for ticket in found[state])
    return found
