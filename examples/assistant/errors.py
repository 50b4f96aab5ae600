"""What can be wrong with what is asked of the shop; each message is written for whoever asked."""


class AssistantError(Exception):
    """The root."""


class NotFound(AssistantError):
    """The shop has no such order of this customer, or no such product."""


class RefundRefused(AssistantError):
    """An amount that can't be paid back."""
