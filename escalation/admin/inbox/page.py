"""What the inbox shows. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from escalation.admin.inbox.rows import InboxRow, Rights, show_rows
from escalation.domain.inbox import STATE_WORDS, InboxQuery, InboxState
from escalation.models import ReviewQueue, SavedView, read_clock
from escalation.selectors.inbox import (
    MOST_COUNTED,
    InboxCounts,
    InboxPage,
    count_inbox,
    find_inbox,
    list_inbox,
)
from escalation.selectors.presence import list_present
from escalation.selectors.searching import count_unsearched

# What has no index for this way of asking is stopped, and the person told how to narrow it.
_LONGEST_SECONDS: Final = 5
_PLAIN_STATES: Final = (
    InboxState.OPEN,
    InboxState.MINE,
    InboxState.FREE,
    InboxState.BREACHING,
    InboxState.SNOOZED,
)
_CLOSED_STATES: Final = (InboxState.RESOLVED, InboxState.WITHDRAWN, InboxState.ALL)


@dataclass(frozen=True, slots=True)
class ViewLink:
    """A view that one click opens. `count`: its name among the counts that change on the page, or ""."""

    words: str
    address: str
    is_current: bool
    count: str = ""
    number: str = ""
    view_id: int | None = None


@dataclass(frozen=True, slots=True)
class InboxList:
    """What the list shows, by the name that Django's templates give to a list's page."""

    query: InboxQuery
    rows: list[InboxRow]
    next_address: str
    is_stopped: bool
    unsearched: int

    @property
    def result_list(self) -> list[Any]:
        """Return the tickets."""
        return [row.ticket for row in self.rows]


def build_inbox(
    person: User,
    queues: Sequence[ReviewQueue],
    query: InboxQuery,
    rights: Rights,
) -> dict[str, Any]:
    """Return the page's context.

    Args: queues: those whose tickets the person may see.  rights: what they may do there, by the queue's id.
    """
    queue_ids = [queue.pk for queue in queues]
    since = read_clock()
    counts = count_inbox(person.pk, queue_ids)
    page, is_stopped = _read_page(person.pk, queue_ids, query)
    present = list_present([ticket.pk for ticket in page.tickets])
    shown = InboxList(
        query=query,
        rows=show_rows(page.tickets, present, person, rights),
        next_address=query.write(after=page.following) if page.following else "",
        is_stopped=is_stopped,
        unsearched=count_unsearched(find_inbox(person.pk, queue_ids, _without_search(query)))
        if query.search
        else 0,
    )
    return {
        "cl": shown,
        "query": query,
        "address": query.write(after=query.after),
        "first_address": query.write(),
        "since": since.isoformat(),
        "counts": describe_counts(counts),
        "plain_views": [_link(state, query, counts) for state in _PLAIN_STATES],
        "closed_views": [_link(state, query, counts) for state in _CLOSED_STATES],
        "own_views": _list_own(person, query),
        "queues": [(str(queue.pk), _name(queue, queues)) for queue in queues],
        "state_value": "" if query.state is InboxState.OPEN else query.state.value,
        "choices": _collect_choices(shown),
    }


def describe_counts(counts: InboxCounts) -> dict[str, str]:
    """Return the counts as they are shown, by view; "" for none."""
    return {name: _describe_count(getattr(counts, name)) for name in ("open", "mine", "free", "breaching")}


def _read_page(user_id: int, queue_ids: list[int], query: InboxQuery) -> tuple[InboxPage, bool]:
    """Return the page, and whether reading it took too long."""
    is_bounded = bool(query.narrowed) or query.state in _CLOSED_STATES
    if not is_bounded:
        return list_inbox(user_id, queue_ids, query), False
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", (f"{_LONGEST_SECONDS}s",))
            return list_inbox(user_id, queue_ids, query), False
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        return InboxPage([], None), True


def _without_search(query: InboxQuery) -> InboxQuery:
    return InboxQuery(state=query.state, queue=query.queue)


def _link(state: InboxState, query: InboxQuery, counts: InboxCounts) -> ViewLink:
    name = state.value if hasattr(counts, state.value) else ""
    return ViewLink(
        words=STATE_WORDS[state],
        address=query.write(state=state),
        is_current=query.state is state,
        count=name,
        number=_describe_count(getattr(counts, name)) if name else "",
    )


def _describe_count(number: int) -> str:
    if number >= MOST_COUNTED:
        return f"{MOST_COUNTED - 1}+"
    return str(number) if number else ""


def _list_own(person: User, query: InboxQuery) -> list[ViewLink]:
    current = query.write()
    views = SavedView.objects.filter(person=person.pk).order_by("name")
    return [ViewLink(view.name, view.query, view.query == current, view_id=view.pk) for view in views]


def _name(queue: ReviewQueue, queues: Sequence[ReviewQueue]) -> str:
    """Return a queue's name, with its project where the person sees more than one."""
    is_alone = len({one.project_id for one in queues}) == 1
    return queue.name if is_alone else f"{queue.name} ({queue.project})"


def _collect_choices(shown: InboxList) -> dict[str, list[str]]:
    """Return what the filters suggest: what stands on the page. Anything else can be typed."""
    tickets = shown.result_list
    named = {
        "workflow": {ticket.run.workflow_name for ticket in tickets},
        "agent": {ticket.step.agent for ticket in tickets},
        "rule": {ticket.rule for ticket in tickets},
        "tag": {tag for ticket in tickets for tag in ticket.tags},
        "sla": {ticket.sla for ticket in tickets},
    }
    return {name: sorted(values | {getattr(shown.query, name)} - {""}) for name, values in named.items()}
