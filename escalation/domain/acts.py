"""What people do at tickets and review queues, in the words of the audit; and through which door they came."""

from enum import StrEnum


class Act(StrEnum):
    """Something that is told in the audit, whoever did it."""

    SAW = "saw"
    CLAIMED = "claimed"
    RELEASED = "released"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    EDITED = "edited"  # a draft
    DECIDED = "decided"  # and it takes effect after a while
    RESOLVED = "resolved"
    TOOK_BACK = "took_back"  # a decision that had not taken effect yet
    VOIDED = "voided"  # a decision that could not take effect any more
    VOTED = "voted"  # what, the line of the decision says
    SPLIT = "split"  # votes can't agree any more: a lead decides
    SNOOZED = "snoozed"
    WOKE = "woke"  # a ticket that was put off came back
    PAUSED = "paused"
    RESUMED = "resumed"
    REPLANNED = "replanned"
    REROUTED = "rerouted"
    BREACHED = "breached"
    TOLD = "told"  # an escalation level
    EXPORTED = "exported"
    CHANGED = "changed"  # a queue and what belongs to it
    REFUSED = "refused"  # a second factor at sign-in, the password being right
    ENROLLED = "enrolled"  # a second factor, or new recovery codes
    RECOVERED = "recovered"  # signed in with a recovery code
    RESET = "reset"  # somebody else's second factor


class Door(StrEnum):
    """How somebody came."""

    CONSOLE = "console"
    API = "api"
    COMMAND = "command"
    ENGINE = "engine"
