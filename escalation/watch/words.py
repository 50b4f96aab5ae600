"""Writes what tickets are found by, after the commit that opened them. Late is no harm: the inbox lists them all.

New tickets are found by their transactions, so that none is left out however late it committed; those that are older
than this table, in idle sweeps, the newest first.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import structlog
from django.contrib.postgres.search import SearchVector
from django.db import DataError, connection, transaction
from django.db.models import Max, Value

from escalation.domain.words import Words, collect_words
from escalation.models import Presence, Ticket, TicketWords, WordsPlace
from escalation.selectors.hidden import find_handed_hidden
from escalation.selectors.presence import find_present

SWEEP_LIMIT: Final = 200
# Two values of a mebibyte each are read for a ticket: few at once.
_READ_TOGETHER: Final = 10
# The maintainer has other duties in this second.
_LONGEST_SECONDS: Final = 0.5
_MOST_TOLD: Final = 4_000
_NOTHING: Final = Words("", "", is_cut=False)

# What others may have given, and whether that was given to the step rather than to its run.
_HANDED: Final = {"run__input_json": False, "step__item_json": True}

log = structlog.get_logger(__name__)

_NEW = """
WITH now AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot)
SELECT now.snapshot::text, t.id FROM now LEFT JOIN LATERAL (
    SELECT id FROM escalation_ticket
    WHERE changed_in >= pg_snapshot_xmin(%(known)s::pg_snapshot)::text::bigint
    AND NOT pg_visible_in_snapshot(changed_in::text::xid8, %(known)s::pg_snapshot)
    AND NOT EXISTS (SELECT FROM escalation_ticketwords w WHERE w.ticket_id = escalation_ticket.id)
    ORDER BY changed_in, id LIMIT %(most)s
) t ON true
"""


def write_words() -> None:
    """Write the words of new tickets, then, if time is left, of some that are older than the search."""
    ends_at = time.monotonic() + _LONGEST_SECONDS
    with transaction.atomic():
        _begin()
        # One sweep at a time, should two maintainers meet.
        place = WordsPlace.objects.select_for_update(skip_locked=True).first()
        if place is None:
            return
        snapshot, new = _find_new(place.snapshot)
        if _write(new, ends_at) and len(new) < SWEEP_LIMIT:
            place.snapshot = snapshot
            _go_back(place, ends_at)
            place.save()


def forget_looks() -> None:
    """Remove the looks of those who went away: they no longer count, and the table stays small."""
    Presence.objects.exclude(pk__in=find_present().values("pk")).delete()


def _begin() -> None:
    """Set the first place, unless there is one: what is there now is older than the search."""
    if WordsPlace.objects.exists():
        return
    newest = Ticket.objects.aggregate(newest=Max("pk"))["newest"] or 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        [snapshot] = cursor.fetchone()
    # What commits in between has a number below, or a transaction that the snapshot does not show.
    WordsPlace.objects.bulk_create(
        [WordsPlace(snapshot=snapshot, older_than=newest + 1)], ignore_conflicts=True
    )


def _find_new(known: str) -> tuple[str, list[int]]:
    with connection.cursor() as cursor:
        cursor.execute(_NEW, {"known": known, "most": SWEEP_LIMIT})
        rows = cursor.fetchall()
    return rows[0][0], [number for _, number in rows if number is not None]


def _go_back(place: WordsPlace, ends_at: float) -> None:
    """Write the words of older tickets, by windows of numbers."""
    while place.older_than > 0 and time.monotonic() < ends_at:
        start = max(0, place.older_than - SWEEP_LIMIT)
        window = Ticket.objects.order_by("-pk").filter(pk__gte=start, pk__lt=place.older_than)
        known = TicketWords.objects.filter(pk__gte=start, pk__lt=place.older_than)
        missing = list(window.exclude(pk__in=known.values("pk")).values_list("pk", flat=True))
        if not _write(missing, ends_at):
            return
        place.older_than = start


def _write(numbers: Sequence[int], ends_at: float) -> bool:
    """Write the words of these tickets; return whether the time was enough for all."""
    for first in range(0, len(numbers), _READ_TOGETHER):
        if time.monotonic() >= ends_at:
            return False
        for ticket in _read(numbers[first : first + _READ_TOGETHER]):
            _write_one(ticket)
    return True


def _read(numbers: Iterable[int]) -> list[Any]:
    columns = ("pk", "run", "step", "title", "reason", "seen_json", "run__workflow_name", "step__key")
    tickets = list(Ticket.objects.filter(pk__in=numbers).values(*columns, *_HANDED))
    _leave_out(tickets)
    return tickets


def _leave_out(tickets: Sequence[dict[str, Any]]) -> None:
    """Leave out what came from a restricted queue's step: who finds a ticket by words need not have a role there."""
    parts = [
        (ticket, name, (ticket["run"], ticket["step"] if is_of_step else None))
        for ticket in tickets
        for name, is_of_step in _HANDED.items()
        if ticket[name] is not None
    ]
    hidden = find_handed_hidden([given for _, _, given in parts], None)
    for place in hidden:
        ticket, name, _ = parts[place]
        ticket[name] = None


def _write_one(ticket: dict[str, Any]) -> None:
    words, is_readable = _collect(ticket)
    told = "\n".join(
        ticket[name][:_MOST_TOLD] for name in ("run__workflow_name", "step__key", "title", "reason")
    )
    try:
        with transaction.atomic():
            _insert(ticket["pk"], f"{told}\n{words.text}", words, is_readable=is_readable)
    except DataError as error:
        log.warning(
            "ticket_not_searchable", ticket=ticket["pk"], why=str(error), next="it is listed all the same"
        )
        _insert(ticket["pk"], "", _NOTHING, is_readable=False)


def _insert(number: int, text: str, words: Words, *, is_readable: bool) -> None:
    TicketWords.objects.create(
        pk=number,
        words=SearchVector(Value(text), config="simple"),
        codes=words.codes,
        is_cut=words.is_cut,
        is_readable=is_readable,
    )


def _collect(ticket: dict[str, Any]) -> tuple[Words, bool]:
    stored = (ticket["run__input_json"], ticket["step__item_json"], ticket["seen_json"])
    try:
        return collect_words(value for value in stored if value is not None), True
    except (ValueError, RecursionError) as error:
        log.warning(
            "ticket_not_searchable", ticket=ticket["pk"], why=str(error), next="it is listed all the same"
        )
        return _NOTHING, False
