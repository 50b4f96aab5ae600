"""Questions about steps that wait for a breaker, for slots of pools or for people that can't keep up."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from agents.domain.pools import Request
from orchestration.domain.waits import WaitsFor
from orchestration.models import Decision, Step, Throttle

WAIT_RULES: Final = ("breaker_wait", "breaker_asked")
"""The rules by which a step goes on waiting for its agent's breaker."""


def kept_away_since(step_id: int, opened_at: datetime) -> datetime | None:
    """Return when a step first had to wait for the present opening of its agent's breaker; None: never yet."""
    waits = Decision.objects.filter(step=step_id, rule__in=WAIT_RULES, decided_at__gte=opened_at)
    return waits.order_by("id").values_list("decided_at", flat=True).first()


def find_throttle(project_id: int, agent: str) -> Throttle | None:
    """Return what holds an agent's steps back in a project, since when it did first; None: nothing does."""
    return Throttle.objects.filter(project=project_id, agent=agent).order_by("since", "pk").first()


def held_back_since(step_id: int, since: datetime) -> datetime | None:
    """Return when a step first had to wait for people that can't keep up, since a time; None: never yet."""
    waits = Decision.objects.filter(step=step_id, rule="reviewers_wait", decided_at__gte=since)
    return waits.order_by("id").values_list("decided_at", flat=True).first()


def asks_for_slots(step_id: int) -> bool:
    """Return whether an available step is to be claimed with slots of pools."""
    rows = Step.objects.filter(pk=step_id, status="available", stage="").exclude(pools={})
    return rows.exists()


def find_live_tokens(tokens: Collection[UUID]) -> set[UUID]:
    """Return those of these claim tokens under which a step still runs."""
    rows = Step.objects.filter(status="running", token__in=tokens).values_list("token", flat=True)
    return {token for token in rows if token is not None}


_IN_LINE: Final = f"('{WaitsFor.POOL}', '{WaitsFor.SLOT}')"
# One whose queue or agent nobody serves would keep its pools closed to all behind it.
_WAITING = f"""
SELECT s.id, s.pools, r.created_at, r.priority
FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
WHERE s.status = 'available' AND s.waits_for IN {_IN_LINE} AND r.status IN ('running', 'compensating')
  AND (%(names)s::text[] IS NULL OR s.pools ?| %(names)s::text[])
  AND EXISTS (SELECT 1 FROM orchestration_workerprocess w
              WHERE w.stopped_at IS NULL AND s.queue = ANY(w.queues) AND s.agent = ANY(w.agents))
ORDER BY r.priority DESC, r.created_at, s.id LIMIT %(limit)s
"""


def list_pool_waiters(names: Collection[str] | None = None, limit: int = 1_000) -> list[Request]:
    """Return the steps that wait for slots, in the order in which they are served.

    Args: names: only those that ask for one of these pools.
    """
    with connection.cursor() as cursor:
        wanted = None if names is None else sorted(names)
        cursor.execute(_WAITING, {"names": wanted, "limit": limit})
        return [
            Request(step_id, json.loads(pools), since, priority)
            for step_id, pools, since, priority in cursor.fetchall()
        ]
