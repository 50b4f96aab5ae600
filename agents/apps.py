"""Registers every installed app's agents when Django has loaded its models."""

from __future__ import annotations

from django.apps import AppConfig

from agents.registry import discover_agents


class AgentsConfig(AppConfig):
    """The app of the registry and the runtime of agents."""

    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Discover agents: after all models are loaded, as agents may use them."""
        discover_agents(own_app=self.name)
