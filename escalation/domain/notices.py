"""What people are told, and the one id of each telling."""

import uuid
from enum import StrEnum
from typing import Final


class Happening(StrEnum):
    """What happened that somebody is told."""

    LEVEL = "level"  # an escalation level was reached
    BREACHED = "breached"
    WARNED = "warned"  # so much of the time is over
    ASSIGNED = "assigned"  # by a lead; what a queue assigns by itself is free again within moments
    MENTIONED = "mentioned"  # in a comment
    AUDIT = "audit"  # a sample of accepted work was refused
    LEAD = "lead"  # several people can't decide a ticket, so a lead has to
    USED_UP = "used_up"  # people's time of a budget
    TEST = "test"  # somebody tries their channel


HAPPENING_WORDS: Final[dict[Happening, str]] = {
    Happening.LEVEL: "an escalation level",
    Happening.BREACHED: "a missed deadline",
    Happening.WARNED: "a warning before it",
    Happening.ASSIGNED: "an assignment by a lead",
    Happening.MENTIONED: "a mention in a comment",
    Happening.AUDIT: "a refused sample",
    Happening.LEAD: "a ticket that only a lead decides",
    Happening.USED_UP: "a budget of people's time that is used up",
    Happening.TEST: "a test",
}
TOLD_TO_QUEUES: Final = (
    Happening.LEVEL,
    Happening.BREACHED,
    Happening.WARNED,
    Happening.AUDIT,
    Happening.LEAD,
    Happening.USED_UP,
)
"""What the channels of a review queue are told; all else is for one person alone."""

_NOTICES: Final = uuid.UUID("5a1e2f60-0b57-4a3c-9c1e-7f0d6f7f3b21")
MOST_KEY: Final = 200


def identify_notice(key: str, recipient: str) -> uuid.UUID:
    """Return the id of what one recipient is told: the same for the same key, whoever works it out and how often.

    Args: key: what is told, e.g. `breach:17:resolution`.  recipient: as `name_recipient` says.
    """
    return uuid.uuid5(_NOTICES, f"{recipient}\n{key}")


def name_recipient(person: int | None, channel: str) -> str:
    """Return in a word who is told: a person, a channel, or, with neither, whoever the queue names."""
    return f"person:{person}" if person is not None else f"channel:{channel}"
