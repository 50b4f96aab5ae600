"""The escalation app."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from agents.domain.settings import SETTINGS


class EscalationConfig(AppConfig):
    """Tickets, their clocks and the console."""

    name = "escalation"
    verbose_name = "Escalation"

    def ready(self) -> None:
        """Register the checks."""
        from escalation import checks  # noqa: PLC0415 - the settings are complete only now

        register(checks.check_values, SETTINGS)
        register(checks.check_own_decisions, Tags.security, deploy=True)
        register(checks.check_channels, Tags.security, deploy=True)
