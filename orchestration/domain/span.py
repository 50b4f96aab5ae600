"""A length of time as people write it: `12h`, `30d`."""

from datetime import timedelta
from typing import Final

_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1)}
LONGEST: Final = timedelta(days=400)


def read_span(text: str) -> timedelta:
    """Return the length of time.

    Raises: ValueError: says what is expected.
    """
    unit, number = _UNITS.get(text[-1:]), text[:-1]
    if unit is None or len(number) > 5 or not (number.isascii() and number.isdecimal()):
        raise ValueError(f"give hours or days, such as 12h or 30d, not {text[:20]!r}")
    span = int(number) * unit
    if not timedelta(0) < span <= LONGEST:
        raise ValueError(f"give at least 1h and at most {LONGEST.days}d, not {text[:20]!r}")
    return span
