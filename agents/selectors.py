"""What other apps may ask about agents."""

from __future__ import annotations

from agents.domain.catalogue import catalogue
from agents.domain.contract import AgentContract

__all__ = ["AgentContract", "answered_names", "find_contract", "known_names", "list_contracts"]


def find_contract(name: str) -> AgentContract | None:
    """Return what the agent of this name declared; None if no agent here answers to it."""
    agent = catalogue.find(name)
    return agent.contract if agent is not None else None


def list_contracts() -> list[AgentContract]:
    """Return every agent's contract, by name."""
    return catalogue.contracts()


def known_names() -> frozenset[str]:
    """Return the names that are answered to in this process."""
    return catalogue.names()


def answered_names() -> frozenset[str]:
    """Return every text by which a step can name an agent of this process: `crm.history`, `crm.history@2`."""
    return catalogue.answers()
