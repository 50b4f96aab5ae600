"""The Django app: discovers workflows and registers system checks."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OrchestrationConfig(AppConfig):
    """Durable runs, their plans and their history."""

    name = "orchestration"
    verbose_name = "Orchestration"

    def ready(self) -> None:
        """Load every installed app's `workflows.py`, so that publishing finds their specs."""
        autodiscover_modules("workflows")
