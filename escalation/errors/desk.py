"""What can be refused of the desk around tickets: queues, calendars, settings, reviewers, messages, the audit."""

from datetime import datetime

from escalation.errors.base import EscalationError, NamesField


class QueueNotFound(EscalationError):
    """There is no such review queue, or not for this person."""

    code = "queue_not_found"

    def __init__(self, project: str, queue: str) -> None:
        """Name it."""
        super().__init__(
            f"There is no review queue '{queue[:100]}' in the project '{project[:100]}'; the list of queues shows "
            "those you may look into."
        )


class CalendarInvalid(NamesField, EscalationError):
    """A business calendar can't be read: no zone of that name, hours that overlap, no open hours at all."""

    code = "calendar_invalid"


class CalendarNotFound(EscalationError):
    """There is no such calendar, or not for this person."""

    code = "calendar_not_found"

    def __init__(self, calendar_id: int) -> None:
        """Name it."""
        super().__init__(
            f"There is no calendar {calendar_id}; the list of calendars shows those of your projects."
        )


class CalendarExhausted(EscalationError):
    """A business calendar leaves no open time to count by."""

    code = "calendar_exhausted"

    def __init__(self, last_open: datetime) -> None:
        """Say from when on."""
        super().__init__(
            f"The business calendar leaves not enough open time after {last_open:%Y-%m-%d} to count by; "
            "look through its hours and holidays."
        )


class SettingInvalid(NamesField, EscalationError):
    """What a person wants to set for themselves can't be: a view without a name, one more than they may have."""

    code = "setting_invalid"


class ReviewerNotFound(EscalationError):
    """Nobody of this name is at the desk, or not for this person to see."""

    code = "reviewer_not_found"

    def __init__(self, username: str) -> None:
        """Say whom they see."""
        super().__init__(
            f"There is nobody '{username[:150]}' whose profile you may see; the list of reviewers shows yourself and "
            "the people at queues that you manage."
        )


class MessageNotFound(EscalationError):
    """There is no such message, or not for this person."""

    code = "message_not_found"

    def __init__(self) -> None:
        """Say where they are."""
        super().__init__("There is no such message; the list of messages shows those that you may see.")


class MessageNotLost(EscalationError):
    """The message was not given up: it was sent, or is still tried."""

    code = "message_not_lost"

    def __init__(self, state: str) -> None:
        """Say how it stands."""
        super().__init__(f"The message is {state}; only one that was given up can be sent again.")


class AuditUnavailable(EscalationError):
    """That somebody looks can't be written down, so they are shown nothing."""

    code = "audit_unavailable"

    def __init__(self, ticket_id: int) -> None:
        """Say what to do."""
        super().__init__(
            f"Ticket {ticket_id} can't be shown: its audit can't be written at the moment. "
            "Try again in a minute; if that does not help, tell whoever looks after the database."
        )
