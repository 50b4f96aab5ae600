"""The escalation app."""

from django.apps import AppConfig


class EscalationConfig(AppConfig):
    """Tickets, their clocks and the console."""

    name = "escalation"
    verbose_name = "Escalation"
