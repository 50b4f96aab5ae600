"""Breakers as rows. `domain/circuit.py` decides; this module locks, counts and writes.

Every change of one agent's breaker happens under an advisory lock on the agent, taken before anything is read: a
count that misses a failure which is being written would open the breaker too late. Success takes no lock and
writes nothing, unless it was a probe's. A step may pin its agent to a version; the breaker is the agent's.
A model of a provider has a breaker too, under a name that no agent can have: `model:openai/gpt-5-mini`.
"""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Q

from agents.admission.clock import read_clock
from agents.admission.volume import forget_calls, sum_calls
from agents.conf import get_conf
from agents.domain import circuit as rules
from agents.domain.circuit import COUNTED, BreakerState, Circuit, Limits, ProbeEnd
from agents.domain.contract import strip_pin
from agents.domain.failure_kinds import FailureKind
from agents.models import Breaker, BreakerEvent, CountedFailure

log = structlog.get_logger(__name__)

_LOCK_CLASS: Final = 0x52_4D_10  # "RM", breakers; the second key is the agent's hash


@dataclass(frozen=True, slots=True)
class Opening:
    """A breaker that is not closed.

    Attributes:
        opening_id: the same from opening to closing, so that people are asked once.
        until: when the pause is over; None once it is.
        may_probe: a claim would get through now, as the one probe.  probe: the token of the one under way.
    """

    agent: str
    opening_id: int
    opened_at: datetime
    until: datetime | None
    may_probe: bool
    probe: UUID | None = None


class _OwnClaims:
    """Claims of this process that its breakers remember: what makes `note_success` free for all others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: dict[tuple[str, UUID], int] = {}

    def add(self, agent: str, token: UUID, attempt_id: int = 0) -> None:
        with self._lock:
            self._attempts[agent, token] = attempt_id

    def take(self, agent: str, token: UUID) -> int | None:
        """Return the attempt of a claim that a breaker remembers, and forget it; None if it does not.

        Args: agent: whose breaker: one claim may be the probe of its agent's and of a model's.
        """
        if (agent, token) not in self._attempts:
            return None
        with self._lock:
            return self._attempts.pop((agent, token), None)


_probes: Final = _OwnClaims()
_presumed: Final = _OwnClaims()


def find_opening(agent: str) -> Opening | None:
    """Return how an agent's breaker keeps work away; None when it is closed. Nothing is locked."""
    row = Breaker.objects.filter(agent=strip_pin(agent)).exclude(state=BreakerState.CLOSED).first()
    return _describe(row, read_clock()) if row is not None else None


def find_openings() -> list[Opening]:
    """Return all breakers that are not closed, by agent."""
    rows = list(Breaker.objects.exclude(state=BreakerState.CLOSED))
    now = read_clock() if rows else None
    return [_describe(row, now) for row in rows if now is not None]


def begin_probe(agent: str, token: UUID) -> Opening | None:
    """Make a claim the one probe of its agent, or return the opening that keeps it away.

    Returns: None: it may go on, as the probe or because the breaker closed meanwhile.
    """
    agent = strip_pin(agent)
    with transaction.atomic():
        _lock_agent(agent)
        row = Breaker.objects.filter(agent=agent).first()
        if row is None or row.state == BreakerState.CLOSED:
            return None
        now = read_clock()
        after = rules.begin_probe(_read(row), token, now)
        if after.probe != token:
            return _describe(row, now)
        _write(agent, row, after, now, "the pause is over; one probe may pass")
    _probes.add(agent, token)
    return None


def presume_failure(
    agent: str, *, attempt_id: int, token: UUID, uncounted: int, is_new: bool = False, in_a_row: int = 0
) -> bool:
    """Count a call beforehand that is about to reach an agent which failed a moment ago; return whether it may.

    An answer takes the count back, a failure makes it real. So all processes together let only so many calls through
    as open the breaker.

    Args: uncounted: calls of this process that are under way, or failed, and not in the database.
        is_new: this process has not seen it fail; so the call may unless another process has.
        in_a_row: failures that this process saw since the agent's last answer.
    """
    agent = strip_pin(agent)
    with transaction.atomic():
        _lock_agent(agent)
        now = read_clock()
        row = Breaker.objects.filter(agent=agent).first()
        limits = get_conf().limits_of(agent)
        since = _count_from(row, now - timedelta(seconds=limits.window_seconds))
        known = CountedFailure.objects.filter(agent=agent, at__gt=since).exclude(attempt=attempt_id)
        is_healthy = is_new and not known.filter(is_presumed=False).exists()
        allowed = limits.failures if is_healthy else limits.tolerate(sum_calls(agent, since), in_a_row)
        if not is_healthy and known.count() + uncounted > allowed:
            return False
        CountedFailure.objects.update_or_create(
            agent=agent,
            attempt=attempt_id,
            defaults={"at": now, "kind": FailureKind.TRANSIENT, "is_presumed": True},
        )
    _presumed.add(agent, token, attempt_id)
    return True


def note_failure(agent: str, kind: FailureKind, *, attempt_id: int, token: UUID, in_a_row: int = 0) -> None:
    """Count a failed attempt, if its kind counts, and open the breaker if it was one too many.

    A probe's failure opens it again, for longer. Safe to repeat: an attempt counts once.

    Args: token: the claim's, by which a probe is known.  in_a_row: failures that this process saw since the agent's
        last answer.
    """
    if kind not in COUNTED:
        note_unclear(agent, token)
        return
    agent = strip_pin(agent)
    _probes.take(agent, token)
    _presumed.take(agent, token)
    with transaction.atomic():
        _lock_agent(agent)
        now = read_clock()
        _count(agent, attempt_id, kind, now)
        row = Breaker.objects.filter(agent=agent).first()
        limits = get_conf().limits_of(agent)
        before = _read(row)
        ended = rules.end_probe(before, token, ProbeEnd.FAILED, limits, now)
        if ended is not before:
            _write(agent, row, ended, now, f"the probe failed ({kind}); the pause is doubled")
            return
        _trip(agent, row, limits, now, kind, in_a_row)


def _trip(
    agent: str, row: Breaker | None, limits: Limits, now: datetime, kind: FailureKind, in_a_row: int
) -> None:
    since = _count_from(row, now - timedelta(seconds=limits.window_seconds))
    failures, calls = _count_failures(agent, since), sum_calls(agent, since)
    before = _read(row)
    tripped = rules.trip(before, failures, limits, now, calls=calls, in_a_row=in_a_row)
    if tripped is not before:
        of_calls = f" of {calls} calls" if calls > failures else ""
        why = f"{failures} failures{of_calls} within {limits.window_seconds:g} s ({kind})"
        _write(agent, row, tripped, now, why)


def note_success(agent: str, token: UUID) -> None:
    """Close the breaker if this claim was its probe; costs nothing for a claim of a healthy agent."""
    agent = strip_pin(agent)
    _take_back(agent, token)
    if _probes.take(agent, token) is not None:
        _end_probe(agent, token, ProbeEnd.ANSWERED, "the probe was answered")


def note_unclear(agent: str, token: UUID) -> None:
    """Make way for another probe if this claim was one that showed nothing about the agent's health."""
    agent = strip_pin(agent)
    _take_back(agent, token)
    if _probes.take(agent, token) is not None:
        _end_probe(agent, token, ProbeEnd.UNCLEAR, "the probe showed nothing")


def may_ask(agent: str, step_id: int) -> bool:
    """Return whether this step is the one that asks people about its agent's present opening.

    The first that wants to is; the same one may come again, should its worker die before it has asked.
    """
    asking = Q(asked_step=None) | Q(asked_step=step_id)
    rows = Breaker.objects.filter(asking, agent=strip_pin(agent)).exclude(state=BreakerState.CLOSED)
    return rows.update(asked_step=step_id) > 0


def reset_breaker(agent: str, *, by: str) -> bool:
    """Close a breaker because a person says so; return whether it was not closed already.

    Args: by: who, for the history.
    """
    with transaction.atomic():
        _lock_agent(agent)
        row = Breaker.objects.filter(agent=agent).first()
        before = _read(row)
        after = rules.reset(before)
        if after is before:
            return False
        _write(agent, row, after, read_clock(), "reset by a person", by=by)
    return True


def free_dead_probes(find_live: Callable[[Collection[UUID]], Collection[UUID]]) -> int:
    """Make way where the probe's claim is gone; return at how many breakers.

    Args: find_live: gets tokens, returns those of claims that still live.
    """
    probing = Breaker.objects.filter(probe_token__isnull=False).values_list("agent", "probe_token")
    held = {token: agent for agent, token in probing if token is not None}
    # Asked after the tokens were read: a claim that commits in between is alive by then.
    dead = set(held).difference(find_live(set(held))) if held else set()
    return sum(_end_probe(held[token], token, ProbeEnd.UNCLEAR, "the probe's claim ended") for token in dead)


def forget_failures(kept_seconds: float = 86_400.0) -> int:
    """Delete counted failures that no window reaches any more; return how many. The attempts themselves stay.

    Counted calls go with them, sooner: nobody looks at them after their window.
    """
    conf = get_conf()
    longest = max(limits.window_seconds for limits in (conf.limits, *map(conf.limits_of, conf.BREAKERS)))
    now = read_clock()
    forget_calls(now - timedelta(seconds=2 * longest))
    cutoff = now - timedelta(seconds=max(kept_seconds, longest))
    deleted, _ = CountedFailure.objects.filter(at__lt=cutoff).delete()
    return deleted


def _end_probe(agent: str, token: UUID, end: ProbeEnd, why: str) -> bool:
    with transaction.atomic():
        _lock_agent(agent)
        row = Breaker.objects.filter(agent=agent).first()
        before, now = _read(row), read_clock()
        after = rules.end_probe(before, token, end, get_conf().limits_of(agent), now)
        if after is before:
            return False
        _write(agent, row, after, now, why)
    return True


def _lock_agent(agent: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, hashtext(%s))", (_LOCK_CLASS, agent))


def _count(agent: str, attempt_id: int, kind: FailureKind, now: datetime) -> None:
    """Write a failure, once per attempt and breaker; one that was presumed becomes real."""
    made = {"at": now, "kind": kind, "is_presumed": False}
    row, is_new = CountedFailure.objects.get_or_create(agent=agent, attempt=attempt_id, defaults=made)
    if not is_new and row.is_presumed:
        CountedFailure.objects.filter(pk=row.pk).update(**made)


def _take_back(agent: str, token: UUID) -> None:
    attempt_id = _presumed.take(agent, token)
    if attempt_id is not None:
        CountedFailure.objects.filter(agent=agent, attempt=attempt_id, is_presumed=True).delete()


def _count_failures(agent: str, since: datetime) -> int:
    return CountedFailure.objects.filter(agent=agent, is_presumed=False, at__gt=since).count()


def _count_from(row: Breaker | None, since: datetime) -> datetime:
    """Return from when on failures count: within the window, and after the breaker closed last."""
    return since if row is None or row.closed_at is None else max(since, row.closed_at)


def _read(row: Breaker | None) -> Circuit:
    if row is None:
        return rules.CLOSED
    return Circuit(BreakerState(row.state), row.until, row.pause_seconds, row.probe_token)


def _write(agent: str, row: Breaker | None, after: Circuit, now: datetime, why: str, by: str = "") -> None:
    """Store where the breaker stands now; the caller holds its lock."""
    before = _read(row)
    row = row or Breaker(agent=agent)
    if before.state != after.state:
        event = BreakerEvent.objects.create(
            agent=agent, from_state=before.state, to_state=after.state, at=now, why=why, by=by
        )
        log.warning("breaker_changed", agent=agent, was=before.state, now=after.state, why=why, by=by)
        if before.state is BreakerState.CLOSED:
            row.opening, row.opened_at, row.asked_step = event.pk, now, None
        if after.state is BreakerState.CLOSED:
            row.closed_at = now
    row.state, row.until, row.pause_seconds = after.state, after.until, after.pause_seconds
    row.probe_token, row.changed_at = after.probe, now
    row.save()


def _describe(row: Breaker, now: datetime) -> Opening:
    is_over = row.until is None or row.until <= now
    return Opening(
        agent=row.agent,
        opening_id=row.opening,
        opened_at=row.opened_at,
        until=None if is_over else row.until,
        may_probe=is_over and row.probe_token is None,
        probe=row.probe_token,
    )
