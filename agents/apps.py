"""Registers every installed app's agents when Django has loaded its models."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register

from agents.conf import list_secrets
from agents.domain.redaction import teach
from agents.domain.settings import SETTINGS
from agents.registry import discover_agents


class AgentsConfig(AppConfig):
    """The app of the registry and the runtime of agents, and of what keeps work away from them."""

    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Discover agents: after all models are loaded, as agents may use them; and register the checks."""
        from agents import checks  # noqa: PLC0415 - it needs the models, which load after this module

        teach(list_secrets())
        discover_agents(own_app=self.name)
        register(checks.check_settings, SETTINGS)
        register(checks.check_pools, Tags.database)
        register(checks.check_models, "models")
