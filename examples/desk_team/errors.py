"""What can be wrong with what the team is given; each message is written for whoever gave it."""


class DeskTeamError(ValueError):
    """The root. A `ValueError`: another try would meet the same."""


class MailUnreadable(DeskTeamError):
    """A message to a desk that is none; names the field."""


class DaysUnreadable(DeskTeamError):
    """A file of messages that can't be fed; names the line and the field."""
