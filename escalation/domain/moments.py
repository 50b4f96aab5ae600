"""A moment as an address or a form holds it. Pure."""

from datetime import UTC, datetime
from typing import Final

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
