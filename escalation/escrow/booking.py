"""What a ticket is expected to take of people's time, and in which budgets: parts of the ticket's own INSERT.

A trigger books it at the commit (migration 0032): what is expected while the ticket is open, what its claims took once
it is closed. That blocks nothing. Read next: docs/adr/0041.
"""

from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Field, Func, PositiveIntegerField, Value

from orchestration.budgets.reading import ABOVE
from orchestration.domain.budget import Unit

NOTHING_KNOWN_SECONDS: Final = 300
"""Expected of a ticket whose queue has not decided any."""
LATEST: Final = 100
"""So many of the queue's decisions say what the next one takes."""

# Where the run has no budget at all, nobody looks for one above it.
_ASKED: Final = """(SELECT %(expressions)s) AS asked (step, queue)
    JOIN orchestration_step o ON o.id = asked.step JOIN orchestration_agentcontext x ON x.run_id = o.run_id"""
_POTS: Final = f"""CASE WHEN x.has_budget THEN (
    WITH RECURSIVE {ABOVE.replace("%(step)s", "asked.step")}
    SELECT array_agg(p.id ORDER BY p.id) FROM above p WHERE p.unit = '{Unit.HUMAN_SECONDS}') END"""
_EXPECTED: Final = f"""CASE WHEN {_POTS} IS NOT NULL THEN coalesce((
    SELECT ceil(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM w.worked_for)))::integer FROM (
        SELECT t.worked_for FROM escalation_ticket t
        WHERE t.queue_id = asked.queue AND t.worked_for IS NOT NULL AND t.resolved_by_id IS NOT NULL
        ORDER BY t.resolved_at DESC LIMIT {LATEST}) w), {NOTHING_KNOWN_SECONDS}) END"""


class _OfTicket(Func):
    def __init__(self, step_id: int, queue_id: int, template: str, output_field: Field[Any, Any]) -> None:
        asked = (Value(step_id, BigIntegerField()), Value(queue_id, BigIntegerField()))
        super().__init__(*asked, template=f"(SELECT {template} FROM {_ASKED})", output_field=output_field)


def book_ticket(step_id: int, queue_id: int) -> dict[str, Func]:
    """Return the columns of a ticket that say in which budgets of people's time it is booked, and with how much.

    Of a run that has none above it both are null.
    """
    return {
        "people_pots": _OfTicket(step_id, queue_id, _POTS, ArrayField(BigIntegerField())),
        "expected_seconds": _OfTicket(step_id, queue_id, _EXPECTED, PositiveIntegerField()),
    }
