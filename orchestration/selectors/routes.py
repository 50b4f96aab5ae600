"""What lies ahead of released steps: the straight path behind each, or the join that several share."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True)
class Stop:
    """One step on a route, as a message needs to know it. `dispatch` is the number its message will carry."""

    step_id: int
    run_id: UUID
    workflow_name: str
    key: str
    queue: str
    timeout_seconds: float
    dispatch: int


@dataclass(frozen=True, slots=True)
class Route:
    """A released step, the straight path behind it, and the join it leads to directly, if it does."""

    head: Stop
    path: tuple[Stop, ...]
    join_id: int | None


@dataclass(frozen=True, slots=True)
class Join:
    """A join ahead of released steps. `open_before` counts its predecessors that are not done."""

    stop: Stop
    open_before: int


# A pending step's message will carry the number that its release is going to count.
_STOP = """
    s.id, s.run_id, r.workflow_name, s.key, s.queue, s.timeout_seconds,
    s.dispatches + CASE WHEN s.status = 'pending' THEN 1 ELSE 0 END AS dispatch
"""
_ROUTES = f"""
WITH RECURSIVE path AS (
    SELECT s.id AS head, 0 AS depth, s.id FROM orchestration_step s
    WHERE s.id = ANY(%(steps)s) AND s.status = 'available'
    UNION ALL
    SELECT p.head, p.depth + 1, n.id
    FROM path p
    CROSS JOIN LATERAL (
        SELECT min(e.successor_id) AS id, count(*) AS ways FROM orchestration_edge e WHERE e.predecessor_id = p.id
    ) ahead
    JOIN orchestration_step n ON n.id = ahead.id AND n.predecessor_count = 1 AND n.status = 'pending'
    WHERE ahead.ways = 1 AND p.depth < %(links)s - 1
)
SELECT p.head, p.depth, {_STOP},
    CASE WHEN p.depth = 0 THEN (
        SELECT CASE WHEN count(*) = 1 AND bool_and(j.predecessor_count > 1) THEN min(j.id) END
        FROM orchestration_edge e JOIN orchestration_step j ON j.id = e.successor_id WHERE e.predecessor_id = p.id
    ) END AS join_id
FROM path p JOIN orchestration_step s ON s.id = p.id JOIN orchestration_run r ON r.id = s.run_id
WHERE r.status IN ('running', 'compensating')
ORDER BY p.head, p.depth
"""
_JOINS = f"""
SELECT {_STOP}, (
    SELECT count(*) FROM orchestration_edge e JOIN orchestration_step p ON p.id = e.predecessor_id
    WHERE e.successor_id = s.id AND p.status NOT IN ('succeeded', 'skipped')) AS open_before
FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
WHERE s.id = ANY(%(joins)s) AND s.status = 'pending'
"""


def load_routes(step_ids: list[int], links: int) -> list[Route]:
    """Return the routes of those steps that are still available, at most `links` stops each."""
    routes: dict[int, list[Stop]] = {}
    joins: dict[int, int | None] = {}
    with connection.cursor() as cursor:
        cursor.execute(_ROUTES, {"steps": step_ids, "links": links})
        for head, depth, *stop, join_id in cursor.fetchall():
            routes.setdefault(head, []).append(Stop(*stop))
            if depth == 0:
                joins[head] = join_id
    return [Route(stops[0], tuple(stops[1:]), joins[head]) for head, stops in routes.items()]


def load_joins(join_ids: list[int]) -> list[Join]:
    """Return those of the joins that still wait."""
    with connection.cursor() as cursor:
        cursor.execute(_JOINS, {"joins": join_ids})
        return [_read_join(row) for row in cursor.fetchall()]


def _read_join(row: tuple[Any, ...]) -> Join:
    return Join(Stop(*row[:-1]), row[-1])
