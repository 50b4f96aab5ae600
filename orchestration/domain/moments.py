"""A moment as an address, a form or an argument holds it. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

from orchestration.domain.span import LONGEST, read_span

_LONGEST: Final = 40
# Far enough from what Python and PostgreSQL can hold that a span may be added to either end.
_YEARS: Final = range(1970, 9000)


def read_moment(text: str) -> datetime | None:
    """Return the moment in UTC that an ISO 8601 text with an offset names; None if it names none of our times.

    The offset goes: Python takes offsets with seconds, which PostgreSQL refuses.
    """
    try:
        moment = datetime.fromisoformat(text[:_LONGEST])
        if moment.tzinfo is None:
            return None
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return utc if utc.year in _YEARS else None


def read_point(text: str, *, assumes_utc: bool = False) -> datetime | timedelta:
    """Return the moment that a text names, or the span by which one lies before or behind another.

    Args: assumes_utc: a day, and a time without a zone, are UTC's; else they are refused.
    Raises: ValueError: says what is expected.
    """
    found = read_moment(text) or (read_moment(f"{_make_whole(text)}Z") if assumes_utc else None)
    if found is not None:
        return found
    try:
        return read_span(text)
    except ValueError:
        zone = "" if assumes_utc else " with its zone"
        raise ValueError(
            f"give a time{zone}, such as 2026-03-01T00:00:00Z, or give hours or days, such as 12h or 30d "
            f"(at most {LONGEST.days}d), not {text[:40]!r}"
        ) from None


def _make_whole(text: str) -> str:
    """Return a text with the time at which a day begins, if it has none."""
    return text if "T" in text or " " in text else f"{text}T00:00:00"
