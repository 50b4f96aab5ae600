"""The Django app: discovers workflows and registers system checks."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.module_loading import autodiscover_modules

from agents.domain.settings import SETTINGS


class OrchestrationConfig(AppConfig):
    """Durable runs, their plans and their history."""

    name = "orchestration"
    verbose_name = "Orchestration"

    def ready(self) -> None:
        """Load every installed app's `workflows.py` for publishing, and register the checks."""
        # They need the models, which load after this module.
        from orchestration import checks  # noqa: PLC0415
        from orchestration.worker.checklist import WORKER  # noqa: PLC0415

        autodiscover_modules("workflows")
        register(checks.check_names, WORKER, SETTINGS)
        register(checks.check_values, WORKER, SETTINGS)
        register(checks.check_paths, WORKER)
        register(checks.check_sessions, Tags.database)
        register(checks.check_vectors, Tags.database)
