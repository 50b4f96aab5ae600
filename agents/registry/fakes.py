"""Fakes for tests: other callables answer in an agent's place, under the agent's own contract."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

from agents.domain.catalogue import AgentFunction, RegisteredAgent, catalogue
from agents.domain.contract import AgentContract, AgentKind, check_name
from agents.errors import AgentRefused


def override(fakes: Mapping[str, AgentFunction]) -> AbstractContextManager[None]:
    """Let fakes answer for agents, in every thread of this process, until the block ends.

    A fake of a registered agent keeps its contract, schemas included, so that a fake which could never be the
    agent is noticed. A fake under a new name is an agent without schemas.

    Args:
        fakes: callables (`def`, `async def` or lambda) by agent name, taking the task.

    Raises:
        AgentRefused: a name or a fake is not what it should be.
    """
    return catalogue.overlay({name: _replace_agent(check_name(name), fake) for name, fake in fakes.items()})


def _replace_agent(name: str, fake: AgentFunction) -> RegisteredAgent:
    if not callable(fake):
        raise AgentRefused(f"fake for {name}: {fake!r:.80} is not callable; write lambda task: {fake!r:.80}")
    known = catalogue.find(name)
    if known is not None:
        contract = replace(known.contract, kind=AgentKind.PYTHON)
        return replace(known, contract=contract, function=fake, model=None)
    return RegisteredAgent(AgentContract(name, description="a fake"), fake, place="a fake")
