"""What is worked out about a ticket before the transaction that opens it: where it goes, its title, when it is due.

Reads settings rows and locks none. A rule, title or calendar that fails is noted on the ticket; if all of this fails,
the engine opens the ticket without a plan. Read next: `domain/routing.py`, then `escalator.py`.
"""

from dataclasses import dataclass
from datetime import datetime

from escalation.domain.routing import Contents, ExpressionUnusable, Facts, Rule, find_route, join_notes
from escalation.domain.votes import ALONE, Quorum
from escalation.escrow.quorum import plan_quorum
from escalation.escrow.starting import StartedClocks, start_clocks
from escalation.models import read_clock
from escalation.queues import find_or_make_default, find_queue_id, read_rules, read_target
from orchestration.ports import Hold

_TITLE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class TicketPlan:
    """A ticket to be opened.

    Attributes: queue_id: if it is none of the project's when the ticket opens, the SLA class says where it goes.
        note: what could not be worked out.
    """

    queue_id: int | None
    routed_by: str
    title: str
    tags: tuple[str, ...]
    opened_at: datetime
    clocks: StartedClocks
    note: str
    quorum: Quorum = ALONE


def plan_ticket(hold: Hold) -> TicketPlan:
    """Work out a ticket from what its queues' rows say now."""
    contents = Contents(hold.input_json, hold.seen_json)
    route = find_route(read_rules(hold.project_id), _describe(hold), contents)
    queue_id = _find_queue(hold, route.rule)
    title, faults = _make_title(hold.title, contents)
    opened_at = read_clock()
    clocks = start_clocks(read_target(queue_id, hold.sla), queue_id, opened_at)
    tags = route.rule.tags if route.rule else ()
    quorum, too_few = plan_quorum(queue_id, hold.run_id, tags)
    return TicketPlan(
        queue_id=queue_id,
        routed_by=f"rule {route.rule.label}" if route.rule else "",
        title=title,
        tags=tags,
        opened_at=opened_at,
        clocks=clocks,
        note=join_notes([note for note in (*route.notes, *faults, clocks.note, too_few) if note]),
        quorum=quorum,
    )


def _describe(hold: Hold) -> Facts:
    return Facts(
        workflow=hold.workflow_name,
        step=hold.step_key,
        agent=hold.agent,
        rule=hold.rule,
        confidence=hold.confidence,
    )


def _find_queue(hold: Hold, rule: Rule | None) -> int:
    found = find_queue_id(hold.project_id, hold.sla, rule.queue_id if rule else None)
    return found if found is not None else find_or_make_default(hold.project_id).pk


def _make_title(expression: str, contents: Contents) -> tuple[str, tuple[str, ...]]:
    """Return a ticket's title on one line, and what was wrong with its expression."""
    if not expression:
        return "", ()
    try:
        title = contents.evaluate(expression)
    except ExpressionUnusable as error:
        return "", (f"The title could not be made: {error}.",)
    if not isinstance(title, str):
        return "", ("The title could not be made: its expression gives no text.",)
    return " ".join(title.split())[:_TITLE_CHARACTERS], ()
