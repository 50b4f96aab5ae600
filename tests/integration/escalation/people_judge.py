"""A judge of people's time that knows nothing of the engine's own sums: it makes them anew from tickets alone."""

from math import ceil

from django.db import connection

from escalation.models import Ticket
from orchestration.models import Pot


def settle() -> None:
    """Let what is booked at a commit be booked now, inside a test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def judge_people() -> int:
    """Hold every budget of people's time against the tickets below it, and return how many there are."""
    pots = list(Pot.objects.filter(unit="human_seconds"))
    tickets = list(Ticket.objects.exclude(people_pots=None))
    for pot in pots:
        booked = [ticket for ticket in tickets if pot.pk in (ticket.people_pots or ())]
        expected = sum(ticket.expected_seconds or 0 for ticket in booked if ticket.is_open)
        closed = [ticket.worked_for for ticket in booked if not ticket.is_open and ticket.worked_for]
        used = sum(ceil(worked.total_seconds()) for worked in closed)
        assert (pot.spent + pot.overrun, pot.reserved + pot.unmet, pot.lost) == (used, expected, 0), pot.pk
        assert pot.spent + pot.reserved <= pot.limit
        assert not pot.overrun + pot.unmet or pot.spent + pot.reserved == pot.limit
        assert not pot.overrun or pot.reserved == 0
    return len(pots)
