"""What all refusals of escalation have in common."""


class EscalationError(Exception):
    """Root of this app's errors. Every subclass carries a stable `code`."""

    code = "escalation_error"


class NamesField:
    """A refusal whose message begins with the field that is at fault."""

    @property
    def field(self) -> str:
        """Return the field, "" where the message names none."""
        field, colon, _ = str(self).partition(":")
        return field if colon and " " not in field else ""
