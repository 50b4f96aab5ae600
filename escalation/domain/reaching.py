"""When somebody is told: at once, after their quiet hours, or together with what else there is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

MOST_DIGEST_MINUTES: Final = 24 * 60
_FIRST_WAIT, _LONGEST_WAIT, MOST_TRIES = timedelta(seconds=5), timedelta(hours=4), 20
BREAKER_FAILURES: Final = 5
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Reach:
    """How a person wants to be reached.

    Attributes:
        channels: by name.  from_level: of escalation levels, only this and higher ones.
        quiet_from: by the clock of `time_zone`, until `quiet_until`; both None: never quiet.
        digest_minutes: what comes within so long comes in one message; 0: each by itself.
        urgent_level: from this level on they are told at once all the same; None: never.
    """

    channels: tuple[str, ...]
    is_off: bool = False
    from_level: int = 0
    quiet_from: time | None = None
    quiet_until: time | None = None
    time_zone: str = "UTC"
    digest_minutes: int = 0
    urgent_level: int | None = None

    def wants(self, level: int) -> bool:
        """Tell whether the person is told this at all; what is of no level comes whichever levels they chose."""
        return not self.is_off and (level == 0 or level >= self.from_level)

    def find_due(self, level: int, now: datetime) -> tuple[datetime, bool]:
        """Return when they are told, and whether what else there is by then comes in the same message."""
        if self.urgent_level is not None and level >= self.urgent_level:
            return now, False
        due = self._end_quiet(now + timedelta(minutes=self.digest_minutes))
        return due, due > now

    def _end_quiet(self, at: datetime) -> datetime:
        """Return `at`, or the end of the quiet hours that it falls into."""
        if self.quiet_from is None or self.quiet_until is None:
            return at
        local = at.astimezone(ZoneInfo(self.time_zone))
        if not _is_within(local.time(), self.quiet_from, self.quiet_until):
            return at
        return next(end for end in _list_ends(local, self.quiet_until) if end > at)


def _is_within(moment: time, start: time, end: time) -> bool:
    return start <= moment < end if start < end else moment >= start or moment < end


def _list_ends(local: datetime, clock: time) -> Iterator[datetime]:
    """Yield when the wall shows a time, this day and the next two; both moments where an hour comes twice."""
    for days in range(3):
        day = local.date() + timedelta(days=days)
        for fold in (0, 1):
            yield datetime.combine(day, clock.replace(fold=fold), local.tzinfo).astimezone(UTC)


def is_time_zone(name: str) -> bool:
    """Tell whether a time zone is known by this name."""
    return name in available_timezones()


def wait_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries that failed: 5 s, doubled each time, at most 4 hours."""
    return min(_LONGEST_WAIT, timedelta(seconds=_FIRST_WAIT.total_seconds() * 2.0 ** min(tries - 1, 20)))


def pause_after(failures: int) -> timedelta | None:
    """Return for how long a channel is left alone after so many failures in a row; None: it is not."""
    if failures < BREAKER_FAILURES:
        return None
    doublings = min(failures - BREAKER_FAILURES, 10)
    return min(_LONGEST_PAUSE, timedelta(seconds=_FIRST_PAUSE.total_seconds() * 2.0**doublings))
