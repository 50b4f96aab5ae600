"""Whether a maintainer leads: what waits for one waits for ever without."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from orchestration.conf import get_conf
from orchestration.domain.states import StepStatus
from orchestration.domain.waits import find_wait
from orchestration.models import Step


@dataclass(frozen=True, slots=True)
class Leadership:
    """Who maintains.

    Attributes: since: it leads so long; or, if none does, the last sweep was then. None: none has ever led.
        where: its host and pid, or those of the last one.  read_at: by the database's clock.
    """

    leads: bool
    read_at: datetime
    since: datetime | None = None
    where: str = ""

    @property
    def trouble(self) -> str:
        """Return what is wrong and what to do, in a sentence; "" while one leads."""
        if self.leads:
            return ""
        since = f"since {self.since:%Y-%m-%d %H:%M:%S} UTC ({self.where})" if self.since else "so far"
        return (
            f"No maintainer has worked {since}: tries that are due, lost messages and steps of dead workers wait for "
            "one. Start `manage.py maintain`."
        )


def find_leadership() -> Leadership:
    """Return whether a maintainer leads."""
    [(now, host, pid, led_since, swept_at, left_at)] = _read()
    if swept_at is None:
        return Leadership(leads=False, read_at=now)
    where, silent = f"{host}, pid {pid}", now - timedelta(seconds=get_conf().LEASE_SECONDS)
    if left_at is None and swept_at >= silent:
        return Leadership(leads=True, read_at=now, since=led_since, where=where)
    return Leadership(leads=False, read_at=now, since=left_at or swept_at, where=where)


def waits_for_maintainer(step: Step, now: datetime) -> bool:
    """Return whether a step goes on only when a maintainer looks after it."""
    if step.status == StepStatus.RETRYABLE:
        return step.due_at is not None and step.due_at <= now
    return bool(step.waits_for) and find_wait(step.waits_for).needs_maintainer


def _read() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp(), l.host, l.pid, l.led_since, l.swept_at, l.left_at "
            "FROM (SELECT 1) one LEFT JOIN orchestration_lead l ON true"
        )
        return list(cursor.fetchall())
