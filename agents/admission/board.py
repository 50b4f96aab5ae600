"""What people see of breakers and pools: every agent and every pool with how it stands now. Only reads."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.admission.clock import read_clock
from agents.admission.pools import find_rooms
from agents.admission.volume import sum_calls
from agents.conf import get_conf
from agents.domain.catalogue import catalogue
from agents.domain.circuit import BreakerState
from agents.domain.contract import strip_pin
from agents.domain.pools import Room
from agents.models import Breaker, CountedFailure, Pool, PoolSlot


@dataclass(frozen=True, slots=True)
class BreakerLine:
    """One agent's breaker.

    Attributes: failures, calls: that count now.  allowed: at more failures it opens, at so many calls.
        until: None unless the pause runs.
    """

    agent: str
    state: BreakerState
    failures: int
    calls: int
    allowed: int
    opened_at: datetime | None
    until: datetime | None
    is_probing: bool
    changed_at: datetime | None

    @property
    def kept_away_since(self) -> datetime | None:
        """Return when it opened; None while it is closed."""
        return None if self.state is BreakerState.CLOSED else self.opened_at

    @property
    def may_probe(self) -> bool:
        """Return whether the next claim would get through as the one probe."""
        return self.state is not BreakerState.CLOSED and self.until is None and not self.is_probing


@dataclass(frozen=True, slots=True)
class PoolLine:
    """One pool: its room, whether a person set its size, which agents ask for it, and what is held of it."""

    name: str
    room: Room
    is_set: bool
    agents: tuple[str, ...]
    slots: tuple[PoolSlot, ...]


def list_breakers() -> list[BreakerLine]:
    """Return a line per agent that is known here or whose breaker ever opened: those that are not closed first."""
    rows = {row.agent: row for row in Breaker.objects.all()}
    now, recent = read_clock(), count_recent_failures()
    names = catalogue.names() | rows.keys() | recent.keys()
    lines = [_describe(name, rows.get(name), recent.get(name, 0), now) for name in sorted(names)]
    return sorted(lines, key=lambda line: line.state is BreakerState.CLOSED)


def find_breaker(agent: str) -> BreakerLine:
    """Return the line of one agent; a closed one where its breaker never opened. A pin to a version is ignored."""
    name = strip_pin(agent)
    row = Breaker.objects.filter(agent=name).first()
    return _describe(name, row, count_recent_failures([name])[name], read_clock())


def count_recent_failures(agents: Collection[str] | None = None) -> dict[str, int]:
    """Return how many failures count now, by agent; of all agents that failed lately unless some are named."""
    conf, now = get_conf(), read_clock()
    if agents is None:
        agents = set(CountedFailure.objects.order_by().values_list("agent", flat=True).distinct())
    closed = dict(Breaker.objects.filter(agent__in=agents).values_list("agent", "closed_at"))
    counts: dict[str, int] = {}
    for agent in agents:
        since = now - timedelta(seconds=conf.limits_of(agent).window_seconds)
        since = max(since, closed.get(agent) or since)
        real = CountedFailure.objects.filter(agent=agent, is_presumed=False)
        counts[agent] = real.filter(at__gt=since).count()
    return counts


def count_recent_calls(agent: str, row: Breaker | None, now: datetime) -> int:
    """Return how many calls an agent's failures are weighed against now."""
    since = now - timedelta(seconds=get_conf().limits_of(agent).window_seconds)
    closed = row.closed_at if row is not None else None
    return sum_calls(agent, since if closed is None else max(since, closed))


def list_pools() -> list[PoolLine]:
    """Return a line per pool that an agent asks for, that the settings size or that was ever used, by name."""
    wanted: dict[str, list[str]] = {}
    for contract in catalogue.contracts():
        for pool in contract.pools:
            wanted.setdefault(pool, []).append(contract.name)
    sizes = dict(Pool.objects.values_list("name", "size"))
    names = sorted(wanted.keys() | sizes.keys() | get_conf().POOLS.keys())
    rooms = find_rooms(names)
    slots: dict[str, list[PoolSlot]] = {}
    for slot in PoolSlot.objects.order_by("taken_at", "id"):
        slots.setdefault(slot.pool_id, []).append(slot)
    return [
        PoolLine(
            name=name,
            room=rooms[name],
            is_set=sizes.get(name) is not None,
            agents=tuple(wanted.get(name, ())),
            slots=tuple(slots.get(name, ())),
        )
        for name in names
    ]


def _describe(agent: str, row: Breaker | None, failures: int, now: datetime) -> BreakerLine:
    until = row.until if row is not None and row.until is not None and row.until > now else None
    calls = count_recent_calls(agent, row, now)
    return BreakerLine(
        agent=agent,
        state=BreakerState(row.state) if row is not None else BreakerState.CLOSED,
        failures=failures,
        calls=calls,
        allowed=get_conf().limits_of(agent).tolerate(calls),
        opened_at=row.opened_at if row is not None else None,
        until=until,
        is_probing=row is not None and row.probe_token is not None,
        changed_at=row.changed_at if row is not None else None,
    )
