"""What the clocks of a ticket have to tell at a moment, and when they next will. Pure. Read first: `clocks.py`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from escalation.domain.clocks import AlarmKind, ClockFace

_ZERO: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class LevelRule:
    """An escalation level.

    Attributes: after_percent: of the time to decide.  repeat: None: it is told once.
        claimed_after: since somebody first looked at it; None: that tells nothing.
    """

    level: int
    after_percent: int
    repeat: timedelta | None = None
    claimed_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Something that is to be told, with its true time."""

    reached_at: datetime


@dataclass(frozen=True, slots=True)
class DueWarning(Due):
    """So much of a clock is used."""

    percent: int


@dataclass(frozen=True, slots=True)
class DueAlarm(Due):
    """A level, told for the first time (round 0) or again. Rounds that nobody looked at in time are passed over."""

    level: int
    kind: AlarmKind
    round: int


def find_warnings(face: ClockFace, percents: Iterable[int], at: datetime) -> list[DueWarning]:
    """Return the warnings that a clock has come to by a moment."""
    used = face.count_used(at)
    shares = ((percent, face.find_share(percent)) for percent in sorted(set(percents)))
    return [DueWarning(face.find_moment(share), percent) for percent, share in shares if share <= used]


def find_alarms(
    face: ClockFace, levels: Iterable[LevelRule], at: datetime, touched_at: datetime | None
) -> list[DueAlarm]:
    """Return the newest round of each level that a ticket has come to by a moment.

    Args: face: of the time to decide.  touched_at: when somebody first looked at it.
    """
    used = face.count_used(at)
    found = []
    for level, kind, first in _find_firsts(face, levels, touched_at):
        if first <= used:
            number = (used - first) // level.repeat if level.repeat else 0
            reached = face.find_moment(first + number * (level.repeat or _ZERO))
            found.append(DueAlarm(reached, level.level, kind, number))
    return found


def find_next_moment(
    face: ClockFace,
    percents: Iterable[int],
    levels: Iterable[LevelRule],
    at: datetime,
    touched_at: datetime | None,
) -> datetime | None:
    """Return when a running clock next has something to tell; None: never again."""
    used = face.count_used(at)
    ahead = [share for share in map(face.find_share, percents) if share > used]
    for level, _, first in _find_firsts(face, levels, touched_at):
        if first > used:
            ahead.append(first)
        elif level.repeat:
            ahead.append(first + ((used - first) // level.repeat + 1) * level.repeat)
    return face.find_moment(min(ahead)) if ahead else None


def _find_firsts(
    face: ClockFace, levels: Iterable[LevelRule], touched_at: datetime | None
) -> Iterator[tuple[LevelRule, AlarmKind, timedelta]]:
    """Yield what each level is told for, and how much of the time is used when it first is."""
    for level in levels:
        yield level, AlarmKind.DUE, face.find_share(level.after_percent)
        if level.claimed_after is not None and touched_at is not None:
            # Of what passed before the due time last changed, a clock that stood still can't be told apart.
            since = face.count_used(max(touched_at, face.since))
            yield level, AlarmKind.CLAIMED, since + level.claimed_after
