"""How each day went: who answered the customers, counted from what the desks published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from examples.desk_team.workflows import WAYS
from orchestration import actors

# What a person answers later is the end of a message that was handed over: it is one message.
_FIRST: Final = tuple(way for way in WAYS if way != "person")
_HEADS: Final = ("from memory", "by a specialist", "asked back", "by a person")


@dataclass(slots=True)
class DayMeasure:
    """One day. `ways`: messages by who answered.  `used`: messages whose answer used what an earlier one had told."""

    day: str
    ways: Counter[str] = field(default_factory=Counter)
    used: int = 0

    @property
    def messages(self) -> int:
        """Return how many messages came."""
        return sum(self.ways.values())

    @property
    def share(self) -> float:
        """Return the share that was answered without asking anybody."""
        return self.ways["memory"] / self.messages if self.messages else 0.0

    def describe(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "day": self.day,
            "messages": self.messages,
            **{way: self.ways[way] for way in _FIRST},
            "used": self.used,
            "share_from_memory": round(self.share, 3),
        }


def measure_days(first: str = "", last: str = "9999") -> list[DayMeasure]:
    """Return how each day went, in order: one range of what was published to `team.answered`.

    Args: first, last: dates of the days, both included.
    """
    said = (each.body for each in actors.published(topic="team.answered").iterator())
    return count_days(each for each in said if first <= each["day"] <= last)


def count_days(answered: Iterable[dict[str, Any]]) -> list[DayMeasure]:
    """Count what was published to `team.answered` by day."""
    days: dict[str, DayMeasure] = {}
    for each in answered:
        day = days.setdefault(each["day"], DayMeasure(each["day"]))
        if each["by"] in _FIRST:
            day.ways[each["by"]] += 1
            day.used += bool(each.get("used"))
    return [days[name] for name in sorted(days)]


def tell_days(days: Iterable[DayMeasure]) -> Iterator[str]:
    """Yield a table, and what it shows in a sentence."""
    found = list(days)
    yield f"{'day':<12}{'messages':>9}" + "".join(f"{head:>17}" for head in (*_HEADS, "knew something"))
    for day in found:
        counts = [*(day.ways[way] for way in _FIRST), day.used]
        yield f"{day.day:<12}{day.messages:>9}" + "".join(f"{count:>17}" for count in counts)
    if len(found) > 1:
        shares = f"{found[0].share:.0%} on the first day, {found[-1].share:.0%} on the last"
        yield f"Answered without asking anybody: {shares}."
