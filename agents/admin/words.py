"""What breakers say, in words a person reads at night. Pure."""

from datetime import datetime

from agents.domain.circuit import BreakerState

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
STATE_WORDS = {
    BreakerState.CLOSED: "closed",
    BreakerState.OPEN: "open",
    BreakerState.HALF_OPEN: "half open",
}


def describe_seconds(seconds: float) -> str:
    """Return a span in its largest unit: `25 s`, `3 min`, `2 h`, `4 d`."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"


def describe_breaker(state: BreakerState, until: datetime | None, now: datetime, *, is_probing: bool) -> str:
    """Return what happens next, in one sentence."""
    match state:
        case BreakerState.CLOSED:
            return "Work passes."
        case BreakerState.OPEN if until is not None and until > now:
            left = describe_seconds((until - now).total_seconds())
            return f"Nothing passes; in {left} one probe may."
        case _ if is_probing:
            return "One probe is under way; its answer closes the breaker, its failure doubles the pause."
        case _:
            return "The pause is over: the next step is the probe."
