"""What can be refused of a ticket: claiming, deciding, its clocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from escalation.errors.base import EscalationError, NamesField


class TicketNotFound(EscalationError):
    """No ticket has this id."""

    code = "ticket_not_found"

    def __init__(self, ticket_id: int) -> None:
        """Name the id."""
        super().__init__(f"There is no ticket {ticket_id}; `manage.py list_tickets --status all` shows them.")


class NoTicketFree(EscalationError):
    """No ticket waits that this person could take."""

    code = "no_ticket_free"

    def __init__(self) -> None:
        """Say what is left out."""
        super().__init__(
            "No ticket is free for you at the moment; those of runs that you requested wait for a colleague."
        )


class TicketTaken(EscalationError):
    """Another person holds a live claim on the ticket.

    Attributes: holder: that person's user name.  until: when the claim runs out if it is not renewed.
    """

    code = "ticket_taken"

    def __init__(self, ticket_id: int, holder: str, until: datetime) -> None:
        """Name the holder and the end of the claim."""
        super().__init__(
            f"Ticket {ticket_id} is claimed by {holder} until {until:%H:%M:%S} UTC; "
            "take another ticket, or this one when the claim has ended."
        )
        self.holder = holder
        self.until = until


class TicketAssigned(EscalationError):
    """The ticket is first for somebody else, for a while.

    Attributes: assignee: that person's user name.  until: when it is free for all.
    """

    code = "ticket_assigned"

    def __init__(self, ticket_id: int, assignee: str, until: datetime) -> None:
        """Name who may take it now, and when everybody may."""
        super().__init__(
            f"Ticket {ticket_id} is assigned to {assignee} until {until:%H:%M:%S} UTC; take another ticket, or this "
            "one then. A lead can assign it to you."
        )
        self.assignee = assignee
        self.until = until


class CapacityReached(EscalationError):
    """The person holds as many tickets as they are to hold at once."""

    code = "capacity_reached"

    def __init__(self, capacity: int) -> None:
        """Say how there is room again."""
        super().__init__(
            f"You hold {capacity} {'ticket' if capacity == 1 else 'tickets'}, as many as you are to hold at once; "
            "decide or release one first."
        )


class TagsMissing(EscalationError):
    """The ticket is for people who know their way about in something that this one does not."""

    code = "tags_missing"

    def __init__(self, ticket_id: int, who: str, tags: list[str]) -> None:
        """Name the tags."""
        super().__init__(
            f"Ticket {ticket_id} is for people with the tags {', '.join(tags)}, which {who} has not; "
            "whoever manages the queue can add them to a person."
        )


class AssigneeUnfit(NamesField, EscalationError):
    """The ticket can't be assigned to this person."""

    code = "assignee_unfit"


class TicketNotClaimed(EscalationError):
    """The person has no live claim on the ticket, so may neither change nor decide it."""

    code = "ticket_not_claimed"

    def __init__(self, ticket_id: int) -> None:
        """Say how to get a claim."""
        super().__init__(f"You hold no live claim on ticket {ticket_id}; claim it first, then decide.")


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing that is otherwise than the person thought: `claim`, `claimed_by`, `digest`, `decision` ...

    Attributes: yours: what they came with.  now: what stands there.
    """

    what: str
    yours: str | int | None
    now: str | int | None


class _Changed(EscalationError):
    """A decision came too late, or on something else.

    Attributes: changed: what is otherwise now, side by side with what was thought, for pages and the API.
    """

    def __init__(self, message: str, changed: Sequence[Changed] = ()) -> None:
        """Keep what changed beside the words."""
        super().__init__(message)
        self.changed = tuple(changed)


class ResolutionStale(_Changed):
    """The resolution was made on an earlier claim, or on something else than what stands there now."""

    code = "resolution_stale"


class DecisionPending(_Changed):
    """The ticket is decided, and that has not taken effect yet: until it is taken back nothing else is done to it."""

    code = "decision_pending"


class TicketResolved(_Changed):
    """The ticket was decided already, in another way or by somebody else."""

    code = "ticket_resolved"


class TicketWithdrawn(EscalationError):
    """The ticket was closed without a decision, because its step no longer waits."""

    code = "ticket_withdrawn"

    def __init__(self, ticket_id: int, reason: str) -> None:
        """Give the reason."""
        super().__init__(f"Ticket {ticket_id} was withdrawn ({reason}); nothing is left to decide.")


class BulkBarred(EscalationError):
    """Tickets can't be decided together, or not this one."""

    code = "bulk_barred"

    def __init__(self, why: str) -> None:
        """Say why, and what to do instead."""
        super().__init__(f"Not decided together with others: {why}. Decide it alone, on its own page.")


class NotAlike(EscalationError):
    """The ticket is of another workflow, step or rule than those it is to be decided with."""

    code = "not_alike"

    def __init__(self, ticket_id: int, other_id: int) -> None:
        """Name both."""
        super().__init__(
            f"Ticket {ticket_id} is not like ticket {other_id}: another workflow, step or rule. Decide it alone."
        )


class OwnRequest(EscalationError):
    """Who asked for a run does not decide its tickets."""

    code = "own_request"

    def __init__(self, ticket_id: int) -> None:
        """Say who may."""
        super().__init__(
            f"You asked for the run of ticket {ticket_id}, or for one that it was made from; "
            "let a colleague decide it. You may comment on the ticket, and cancel the run."
        )


class NothingPending(EscalationError):
    """No decision on the ticket waits to take effect."""

    code = "nothing_pending"

    def __init__(self, ticket_id: int) -> None:
        """Say where to look."""
        super().__init__(
            f"Nothing waits to take effect on ticket {ticket_id}: it is not decided, or the decision was taken back."
        )


class NotYourDecision(EscalationError):
    """Somebody else's decision is taken back by them, or by a lead."""

    code = "not_your_decision"

    def __init__(self, ticket_id: int, decider: str) -> None:
        """Name who may."""
        super().__init__(
            f"{decider} decided ticket {ticket_id}; they can take it back, or a lead of its queue."
        )


class AlreadyVoted(EscalationError):
    """The person has voted on the ticket, and votes stand."""

    code = "already_voted"

    def __init__(self, ticket_id: int) -> None:
        """Say what happens now."""
        super().__init__(
            f"You have voted on ticket {ticket_id}, and votes stand; your colleagues vote now, each on their own."
        )


class SeatsTaken(EscalationError):
    """As many people as decide the ticket have voted or are about to."""

    code = "seats_taken"

    def __init__(self, ticket_id: int, seats: int) -> None:
        """Say how many."""
        super().__init__(
            f"All {seats} seats of ticket {ticket_id} are taken; take another ticket. One comes free if somebody gives "
            "it back."
        )


class LeadNeeded(EscalationError):
    """Several people could not decide the ticket, so it takes somebody who leads its queue."""

    code = "lead_needed"

    def __init__(self, ticket_id: int) -> None:
        """Say who may."""
        super().__init__(
            f"Ticket {ticket_id} is for somebody who leads its queue: not enough people agree on it, or can decide it."
        )


class ReviewerInactive(EscalationError):
    """The account is switched off."""

    code = "reviewer_inactive"

    def __init__(self, username: str) -> None:
        """Name the account."""
        super().__init__(f"The account {username} is not active; an administrator can switch it on again.")


class ResolutionInvalid(NamesField, EscalationError):
    """The resolution can't be read: an output that is no JSON, a field that does not go with the kind."""

    code = "resolution_invalid"


class ClockInvalid(NamesField, EscalationError):
    """What was said about a ticket's clocks can't be: no reason, a time that is over, an unknown code."""

    code = "clock_invalid"


class ClockRefused(EscalationError):
    """The clocks of the ticket stand otherwise than the caller thinks."""

    code = "clock_refused"
