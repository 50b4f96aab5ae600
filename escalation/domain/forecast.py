"""How long a ticket will wait, and when a queue falls behind. Pure; docs/adr/0034 says what it leaves out.

A queue is served by its due times, at the pace it is good for. That pace is the larger of two that it can't be less
than: what was decided within the hour, and what those who are there manage at the time that a decision takes them.
Where nobody is there, nothing is foretold.
"""

from typing import Final

WINDOW_SECONDS: Final = 3600.0
"""How far back arrivals and decisions are counted. Who decided something since then, or holds a claim, is there."""


def estimate_pace(decided: int, present: float, work_seconds: float | None) -> float | None:
    """Return how many decisions a second a queue is good for; None when nobody is there to decide.

    Args: decided: within the window.  present: people; who is at two queues counts half at each.
        work_seconds: what one decision took on average; None: unknown.
    """
    lately = decided / WINDOW_SECONDS
    able = present / work_seconds if work_seconds else 0.0
    return max(lately, able) or None


def predict_wait(ahead: int, pace: float | None, work_seconds: float | None) -> float | None:
    """Return in how many seconds a ticket will be decided; None when nobody is there.

    However many people are free, it takes one of them as long as a decision takes.

    Args: ahead: open tickets that are due before it.  work_seconds: what one decision took on average; None: unknown.
    """
    return None if pace is None else max((ahead + 1) / pace, work_seconds or 0.0)


def predict_overrun(backlog: int, arrivals: float, pace: float | None, target_seconds: float) -> float | None:
    """Return in how many seconds a ticket that comes then will no longer be decided in time; None: not at this pace.

    Args: arrivals, pace: a second.  target_seconds: the time in which a ticket is to be decided.
    """
    if pace is None:
        return None
    behind = backlog + 1 - target_seconds * pace
    if behind > 0:
        return 0.0
    return -behind / (arrivals - pace) if arrivals > pace else None
