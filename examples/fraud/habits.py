"""How a payment fits what its maker always does: amount, hour, device, place, kind of thing. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Any, Final

from examples.fraud.books import Payment

_HOURS_AROUND: Final = 3.0
_SETTLES: Final = timedelta(days=2)
# With less, a share says nothing.
_FEWEST: Final = 5


def read_habits(payment: Payment, before: Sequence[Payment]) -> dict[str, Any]:
    """Return the intermediate figures of a maker's habits, each under a name that a score may refer to."""
    known = [one for one in before if one.at < payment.at]
    same_kind = [one.amount for one in known if one.category == payment.category]
    usual = median(same_kind or [one.amount for one in known] or [payment.amount])
    return {
        "payments_known": len(known),
        "amount_ratio": round(payment.amount / max(usual, 0.01), 2),
        "hour_share": _share([_apart(one, payment) <= _HOURS_AROUND for one in known]),
        "is_new_device": payment.device not in {one.device for one in _settled(payment, known)},
        "days_with_device": _days_with_device(payment, known),
        "is_new_city": payment.city not in {one.city for one in _settled(payment, known)},
        "category_share": _share([one.category == payment.category for one in known]),
    }


def _settled(payment: Payment, known: Sequence[Payment]) -> list[Payment]:
    """Return what was paid long enough ago to count as habit: a thief's second payment must not vouch for a third."""
    return [one for one in known if payment.at - one.at >= _SETTLES]


def _share(hits: Sequence[bool]) -> float:
    """Return a share that few observations can't push to an end."""
    missing = max(0, _FEWEST - len(hits))
    return round((sum(hits) + missing / 2) / max(len(hits), _FEWEST), 3)


def _apart(one: Payment, other: Payment) -> float:
    """Return how many hours of the day lie between two payments."""
    gap = abs(_hour(one) - _hour(other))
    return min(gap, 24 - gap)


def _hour(payment: Payment) -> float:
    return payment.at.hour + payment.at.minute / 60


def _days_with_device(payment: Payment, known: Sequence[Payment]) -> int:
    first = next((one.at for one in known if one.device == payment.device), payment.at)
    return (payment.at - first).days
