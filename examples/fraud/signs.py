"""What one payment shows by itself and beside those just before it: speed of travel, small trials, pace. Pure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import hypot
from typing import Any, Final

from examples.fraud.books import Directory, Payment, Place

# A trial costs little and is followed soon.
_SMALL: Final = 5.0
_SOON: Final = timedelta(minutes=30)
_HOUR: Final = timedelta(hours=1)
# Two places within one town.
_NEAR_KM: Final = 60.0
_FASTEST_KMH: Final = 5000.0


def read_signs(directory: Directory, payment: Payment, before: Sequence[Payment]) -> dict[str, Any]:
    """Return the intermediate figures of a payment, each under a name that a score may refer to."""
    return {
        "amount": payment.amount,
        "category_risk": directory.category_risk.get(payment.category, 0.5),
        "is_online": payment.channel == "online",
        "speed_kmh": _measure_speed(directory.cities, payment, before),
        "small_before": sum(1 for one in _since(payment, before, _SOON) if one.amount < _SMALL),
        "paid_within_hour": len(_since(payment, before, _HOUR)),
    }


def read_reputation(known: Mapping[str, float], payment: Payment) -> dict[str, Any]:
    """Return the worse reputation of device and merchant; what nobody knows is good."""
    device, merchant = known.get(payment.device, 0.0), known.get(payment.merchant, 0.0)
    return {"risk": max(device, merchant), "device_risk": device, "merchant_risk": merchant}


def _since(payment: Payment, before: Sequence[Payment], span: timedelta) -> list[Payment]:
    return [one for one in before if payment.at - one.at <= span]


def _measure_speed(cities: Mapping[str, Place], payment: Payment, before: Sequence[Payment]) -> float:
    """Return how fast the card travelled since it was last used in a place; nobody travels to pay online."""
    if payment.channel == "online":
        return 0.0
    last = next((one for one in reversed(before) if one.channel != "online"), None)
    if last is None:
        return 0.0
    here, there = cities[payment.city], cities[last.city]
    distance = hypot(here.x - there.x, here.y - there.y)
    hours = (payment.at - last.at).total_seconds() / 3600
    if distance <= _NEAR_KM:
        return 0.0
    return round(min(distance / max(hours, 1 / 60), _FASTEST_KMH), 1)
