"""What was told of some tickets, done about them and changed of their clocks before: read at once for many."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from escalation.models import Alarm, Breach, BreachDeed, ClockWarning, Replan, Ticket


@dataclass(frozen=True, slots=True)
class Told:
    """By the tickets' ids; of what is missing, nothing was told.

    Attributes: warnings: (clock, percent).  alarms: (level, kind, round).  deeds: (clock, action).
        replanned_at: from when on their due times of now count, if they changed.
    """

    warnings: Mapping[int, set[tuple[str, int]]]
    alarms: Mapping[int, set[tuple[int, str, int]]]
    breaches: Mapping[int, list[Breach]]
    deeds: Mapping[int, set[tuple[str, str]]]
    replanned_at: Mapping[int, datetime]


def read_told(tickets: Collection[Ticket]) -> Told:
    """Return what is known of tickets that the caller has locked."""
    ids = [ticket.pk for ticket in tickets]
    warnings: dict[int, set[tuple[str, int]]] = defaultdict(set)
    rows = ClockWarning.objects.filter(ticket__in=ids).order_by()
    for pk, deadline, percent in rows.values_list("ticket", "deadline", "percent"):
        warnings[pk].add((deadline, percent))
    alarms: dict[int, set[tuple[int, str, int]]] = defaultdict(set)
    raised = Alarm.objects.filter(ticket__in=ids).order_by()
    for pk, level, kind, number in raised.values_list("ticket", "level", "kind", "round"):
        alarms[pk].add((level, kind, number))
    breaches: dict[int, list[Breach]] = defaultdict(list)
    for breach in Breach.objects.filter(ticket__in=ids):
        breaches[breach.ticket_id].append(breach)
    deeds: dict[int, set[tuple[str, str]]] = defaultdict(set)
    done = BreachDeed.objects.filter(ticket__in=ids).order_by()
    for pk, deadline, step in done.values_list("ticket", "deadline", "step"):
        deeds[pk].add((deadline, step))
    return Told(warnings, alarms, breaches, deeds, _read_replanned(tickets))


def _read_replanned(tickets: Collection[Ticket]) -> dict[int, datetime]:
    changed = [ticket.pk for ticket in tickets if ticket.replan_number]
    if not changed:
        return {}
    newest = Replan.objects.filter(ticket__in=changed, number=F("ticket__replan_number")).order_by()
    return dict(newest.values_list("ticket", "at"))
