"""What of the messages of actors a crash left undone, what became due, and turns that are to be parked."""

from datetime import datetime
from typing import Final

from orchestration.actors.circles import break_circles
from orchestration.actors.life import park_turn
from orchestration.actors.routing import route
from orchestration.actors.settling import settle_turn
from orchestration.actors.turns import MOST_STARTED, start_turns
from orchestration.database.statements import fetch_all
from orchestration.domain.words import LIVE, waits_for_a_person
from orchestration.maintenance.each import do_each, for_a_while, in_any_order
from orchestration.maintenance.rescuer import LIMIT
from orchestration.selectors.left import find_unsettled
from orchestration.selectors.mail import behaves_as

_PATIENCE_SECONDS: Final = 1.0
"""Routing takes milliseconds; what is older was left by a crash."""
# What is due, and what was left: of each sender once. Many more rows are looked at than senders taken: one that has
# thousands waiting is routed bit by bit, and must not hide the others meanwhile.
_UNROUTED: Final = """
SELECT DISTINCT project_id, sender FROM (
    (SELECT project_id, sender FROM orchestration_message WHERE routed_at IS NULL AND due_at IS NULL
        AND sent_at <= clock_timestamp() - make_interval(secs => %(patience)s) ORDER BY id LIMIT 20 * %(limit)s)
    UNION ALL
    (SELECT project_id, sender FROM orchestration_message WHERE routed_at IS NULL
        AND due_at <= coalesce(%(until)s::timestamptz, clock_timestamp())
        ORDER BY due_at LIMIT 20 * %(limit)s)) left_over
LIMIT %(limit)s
"""
# From actor to actor along the index of queued mail, however much of it each has, from where the last look ended: those
# that can't begin a turn must not hide the others.
_IDLE: Final = f"""
WITH RECURSIVE queued AS (
    (SELECT actor_id FROM orchestration_delivery WHERE state = 'queued' AND actor_id > %(after)s
     ORDER BY actor_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.actor_id FROM orchestration_delivery d WHERE d.state = 'queued' AND d.actor_id > q.actor_id
            ORDER BY d.actor_id LIMIT 1)
    FROM queued q WHERE q.actor_id IS NOT NULL
)
SELECT q.actor_id FROM queued q JOIN orchestration_actor a ON a.id = q.actor_id
WHERE NOT EXISTS (SELECT 1 FROM orchestration_run r WHERE r.actor_id = q.actor_id AND NOT r.is_parked
        AND r.status IN {LIVE})
  AND (a.stopped_at IS NOT NULL OR EXISTS (SELECT 1 FROM {behaves_as("a.project_id", "a.name")}))
LIMIT %(limit)s
"""
_STUCK: Final = f"""
SELECT r.actor_id FROM orchestration_run r JOIN orchestration_workflow w ON w.id = r.workflow_id AND w.parks
WHERE r.actor_id IS NOT NULL AND NOT r.is_parked AND r.status IN {LIVE}
  AND {waits_for_a_person("r")} LIMIT %(limit)s
"""


def deliver_all(until: datetime | None = None) -> int:
    """Route, settle and start whatever is to be, whatever its time; for tests that drive actors themselves.

    Args: until: what is due by then is due; None: what is due now.
    """
    found = fetch_all(_UNROUTED, {"patience": 0.0, "limit": LIMIT, "until": until})
    routed = sum(route(row.project_id, row.sender, is_patient=True, until=until) for row in found)
    settled = sum(settle_turn(run_id) for run_id in find_unsettled(0.0, LIMIT))
    idle = [row.actor_id for row in fetch_all(_IDLE, {"limit": LIMIT, "after": 0})]
    return routed + settled + park_stuck() + start_turns(idle) + fail_circles()


def route_left() -> int:
    """Route messages whose time has come, and those that a crash left."""
    found = fetch_all(_UNROUTED, {"patience": _PATIENCE_SECONDS, "limit": LIMIT, "until": None})
    senders = in_any_order((row.project_id, row.sender) for row in found)
    return sum(
        do_each("route_left", for_a_while(senders), lambda each: route(each[0], each[1], is_patient=True))
    )


def settle_left() -> int:
    """Settle turns that ended without anybody's looking: they were cancelled, or a crash came between."""
    ended = find_unsettled(_PATIENCE_SECONDS, LIMIT)
    return sum(do_each("settle_left", for_a_while(ended), settle_turn))


def start_left() -> int:
    """Start the turns of actors that have mail and no turn."""
    idle = _find_idle()
    groups = [idle[place : place + MOST_STARTED] for place in range(0, len(idle), MOST_STARTED)]
    return sum(do_each("start_left", for_a_while(groups), start_turns))


_seen: dict[str, int] = {"idle": 0}
"""Where the last look ended; another process begins at the beginning."""


def _find_idle() -> list[int]:
    """Return actors that have mail and no turn, in any order: a part of them, and with the next call the next part."""
    found = [row.actor_id for row in fetch_all(_IDLE, {"limit": LIMIT, "after": _seen["idle"]})]
    _seen["idle"] = max(found) if len(found) == LIMIT else 0
    return in_any_order(found)


def fail_circles() -> int:
    """Fail the youngest question of each circle of turns that wait for each other, which only a time could end."""
    return break_circles()


def park_stuck() -> int:
    """Park turns that wait for a person, where their behaviour says that the mailbox goes on."""
    stuck = [row.actor_id for row in fetch_all(_STUCK, {"limit": LIMIT})]
    return sum(run is not None for run in do_each("park_stuck", stuck, park_turn))
