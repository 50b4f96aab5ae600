"""How agents become known: `@agent` and `@model_agent`, discovery in installed apps, and fakes for tests.

The table itself is `domain/catalogue.py`. Other apps read it through `agents.selectors` and call through
`agents.invoke`.
"""

from __future__ import annotations

from agents.domain.catalogue import RegisteredAgent, catalogue
from agents.registry.declare import agent, model_agent
from agents.registry.discovery import discover_agents
from agents.registry.fakes import override

__all__ = [
    "RegisteredAgent",
    "agent",
    "discover_agents",
    "find",
    "known_names",
    "model_agent",
    "override",
]

find = catalogue.find
known_names = catalogue.names
