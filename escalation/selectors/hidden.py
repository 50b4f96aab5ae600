"""What restricted review queues keep to themselves, wherever else it would show: on pages of runs and other tickets.

Each question is one statement, which looks no further when no queue is closed to the person.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

from escalation.domain.desk_rights import DeskRight, desk_roles_with
from escalation.models import Ticket
from orchestration.domain.holds import HoldSubject
from orchestration.domain.states import ReceiptKind

# Restricted queues at which the person has no role; nobody has one at any.
_CLOSED: Final = """closed AS MATERIALIZED (
    SELECT q.id FROM escalation_reviewqueue q
    WHERE q.is_restricted AND q.id IS DISTINCT FROM %(own)s AND NOT EXISTS (
        SELECT FROM escalation_queuerole h JOIN auth_user_groups m USING (group_id)
        WHERE h.queue_id = q.id AND m.user_id = %(user)s AND h.role = ANY(%(roles)s))
)"""
# A fork took this step over as it was; what it did anew is its own.
_TAKEN_OVER: Final = f"""SELECT o.id FROM orchestration_step o WHERE o.run_id = r.forked_from_id AND o.key = s.key
    AND EXISTS (SELECT FROM orchestration_receipt c WHERE c.step_id = s.id AND c.kind = '{ReceiptKind.REUSE}')"""
# The same bytes stand at a step, at what it is a part of, at what was forked from it, and at the step that waits for
# the run it is in; and a step that started a run or grew others puts out what those give. Up and down apart from each
# other: one that went up and down again would hide all that stands beside it.
_HIDING: Final = f"""up(asked, id) AS (
    SELECT asked, id FROM asked UNION
    SELECT up.asked, n.id FROM up JOIN orchestration_step s ON s.id = up.id
    JOIN orchestration_run r ON r.id = s.run_id
    CROSS JOIN LATERAL (SELECT s.parent_id AS id UNION ALL SELECT r.parent_step_id UNION ALL {_TAKEN_OVER}) n
    WHERE n.id IS NOT NULL
), down(asked, id) AS (
    SELECT asked, id FROM asked WHERE is_whole UNION
    SELECT down.asked, n.id FROM down JOIN orchestration_step s ON s.id = down.id
    JOIN orchestration_run r ON r.id = s.run_id
    CROSS JOIN LATERAL (
        SELECT c.id FROM orchestration_run b JOIN orchestration_step c ON c.run_id = b.id WHERE b.parent_step_id = s.id
        UNION ALL SELECT c.id FROM orchestration_edge e JOIN orchestration_step c ON c.id = e.predecessor_id
            WHERE e.successor_id = s.id AND e.is_child AND c.kind IN ('item', 'spawned')
        UNION ALL {_TAKEN_OVER}
    ) n
)
SELECT DISTINCT a.asked FROM (SELECT * FROM up UNION SELECT * FROM down) a
JOIN escalation_ticket t ON t.step_id = a.id
WHERE t.queue_id IN (SELECT id FROM closed) AND t.subject <> '{HoldSubject.AUDIT}'"""
_STEPS: Final = """asked(asked, id, is_whole) AS (
    SELECT s.id, s.id, true FROM orchestration_step s WHERE s.id = ANY(%(steps)s) AND EXISTS (SELECT FROM closed)
)"""
_RUNS: Final = """asked(asked, id, is_whole) AS (
    SELECT s.run_id, s.id, true FROM orchestration_step s WHERE s.run_id = ANY(%(runs)s) AND EXISTS (SELECT FROM closed)
)"""
# Whatever gave a run its input, or a step the item that it is about: what started the run, all the way up, what grew
# the step, and what handed those something. A fork was given what the run was that it comes from, unless it was
# given something new. A turn was given what steps have sent, as part of what they put out, and not what those were
# given. Not `is_whole`: of what had not put anything out yet, what it grew or waited for says nothing.
_GIVERS: Final = """above(place, run_id, step_id, is_whole) AS (
    SELECT g.place, g.run_id, g.step_id, false
    FROM unnest(%(runs)s::uuid[], %(steps)s::bigint[]) WITH ORDINALITY g(run_id, step_id, place)
    WHERE EXISTS (SELECT FROM closed)
    UNION
    SELECT a.place, n.run_id, n.step_id, n.is_whole FROM above a JOIN orchestration_run r ON r.id = a.run_id
    LEFT JOIN orchestration_step s ON s.id = a.step_id
    CROSS JOIN LATERAL (
        SELECT s.run_id, s.parent_id, s.kind IN ('verifier', 'compensation') WHERE s.parent_id IS NOT NULL
        UNION ALL SELECT p.run_id, p.id, false FROM orchestration_step p WHERE p.id = r.parent_step_id
        UNION ALL SELECT f.id, NULL, false FROM orchestration_run f
            WHERE f.id = r.forked_from_id AND f.input_digest = r.input_digest
    ) n(run_id, step_id, is_whole)
), asked(asked, id, is_whole) AS (
    SELECT place, step_id, is_whole FROM above WHERE step_id IS NOT NULL
    UNION SELECT a.place, e.predecessor_id, true FROM above a JOIN orchestration_edge e ON e.successor_id = a.step_id
    WHERE NOT e.is_child
    UNION SELECT a.place, m.step_id, true FROM above a JOIN orchestration_delivery d ON d.run_id = a.run_id
    JOIN orchestration_message m ON m.id = d.message_id WHERE m.step_id IS NOT NULL
)"""


def is_any_closed(user_id: int | None) -> bool:
    """Return whether there is a restricted queue at which somebody has no role."""
    parameters = {"user": user_id, "own": None, "roles": list(desk_roles_with(DeskRight.LOOK))}
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {_CLOSED} SELECT EXISTS (SELECT FROM closed)", parameters)
        return bool(cursor.fetchone()[0])


def find_hidden(
    step_ids: Collection[int], user_id: int | None, own_queue: int | None = None
) -> frozenset[int]:
    """Return which steps hide from somebody what they proposed and put out.

    Those that had a ticket in a restricted queue at which the person has no role; what those grew; what took their
    output over in a fork; steps that grew such a step or wait for a run with one; and those of a run for which such a
    step waits.

    Args: own_queue: of the ticket that is looked at, which a guest may see who has no role there.
    """
    return frozenset(_ask(_STEPS, user_id, own_queue, steps=list(step_ids)) if step_ids else ())


def find_hidden_runs(run_ids: Collection[UUID], user_id: int | None) -> frozenset[UUID]:
    """Return which runs have a step that hides from somebody what it put out."""
    return frozenset(_ask(_RUNS, user_id, None, runs=list(run_ids)) if run_ids else ())


def find_handed_hidden(
    given: Sequence[tuple[UUID, int | None]], user_id: int | None, own_queue: int | None = None
) -> frozenset[int]:
    """Return the places in `given` of what came from a step that hides it from somebody.

    Args: given: a run, for its input; a run and a step of it, for the item that the step is about.
    """
    if not given:
        return frozenset()
    runs, steps = [run for run, _ in given], [step for _, step in given]
    return frozenset(place - 1 for place in _ask(_GIVERS, user_id, own_queue, runs=runs, steps=steps))


def find_withheld(ticket: Ticket, user_id: int | None) -> frozenset[str]:
    """Return which parts of a ticket came from steps that hide them from somebody: `input`, `item`."""
    run, parts = ticket.run, dict[str, tuple[UUID, int | None]]()
    if is_handed_on(run):
        parts["input"] = (ticket.run_id, None)
    if ticket.step.item_json is not None:
        parts["item"] = (ticket.run_id, ticket.step_id)
    hidden = find_handed_hidden(list(parts.values()), user_id, ticket.queue_id)
    return frozenset(name for place, name in enumerate(parts) if place in hidden)


def find_inputs_withheld(tickets: Sequence[Ticket], user_id: int | None) -> frozenset[int]:
    """Return those of listed tickets, by id, whose run was given what is hidden from somebody."""
    handed = [ticket for ticket in tickets if is_handed_on(ticket.run)]
    hidden = find_handed_hidden([(ticket.run_id, None) for ticket in handed], user_id)
    return frozenset(handed[place].pk for place in hidden)


def is_handed_on(run: Any) -> bool:
    """Return whether somebody else than a person or a program may have given the run its input."""
    return run.parent_step_id is not None or run.forked_from_id is not None or run.actor_id is not None


def _ask(asked: str, user_id: int | None, own_queue: int | None, **of: Any) -> list[Any]:
    sql = f"WITH RECURSIVE {_CLOSED}, {asked}, {_HIDING}"
    parameters = {"user": user_id, "own": own_queue, "roles": list(desk_roles_with(DeskRight.LOOK)), **of}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [asked for (asked,) in cursor.fetchall()]
