"""Agents of models, built once in a process: by the first attempt that needs one, or before in the background.

What builds them takes seconds to import: it is loaded here, where it is needed, and nowhere else.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Final

import structlog
from django.utils.module_loading import import_string

from agents.domain.catalogue import RegisteredAgent, catalogue
from agents.domain.classification import describe_error
from agents.domain.contract import AgentKind
from agents.domain.invocation import Result, Task

_PERFORMING: Final = "agents.runtimes.model.performing"
log = structlog.get_logger(__name__)


class Builds:
    """The agents that were built in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._built: dict[int, tuple[object, Any]] = {}

    def find(self, agent: RegisteredAgent) -> Any:
        """Return an agent, built if it was not yet.

        Raises: AgentRefused: its function builds none. Else whatever the function raises.
        """
        found = self._built.get(id(agent.function))
        if found is not None:
            return found[1]
        build = import_string(f"{_PERFORMING}.build")
        with self._lock:
            if id(agent.function) not in self._built:
                # With its function, so that no other comes to have the same id.
                self._built[id(agent.function)] = agent.function, build(agent)
            return self._built[id(agent.function)][1]

    def forget_lock(self) -> None:
        """Take a lock of its own in a forked child: the parent's may be held by a thread that is not there."""
        self._lock = threading.Lock()


builds: Final = Builds()
os.register_at_fork(after_in_child=builds.forget_lock)


def perform(agent: RegisteredAgent, built: Any, task: Task) -> Coroutine[Any, Any, Result]:
    """Let an agent answer a task."""
    performing: Coroutine[Any, Any, Result] = import_string(f"{_PERFORMING}.perform")(agent, built, task)
    return performing


def plan_builds(queues: Collection[str], then: Callable[[], None]) -> threading.Thread | None:
    """Hold back the agents of models whose steps come by these queues; return what builds them, None: there are none.

    Until each is built this process does not offer it: its steps wait, and hold nothing, while others are performed.
    One that can't be built is offered all the same, so that its steps tell a person why instead of waiting for ever.

    Args: then: called after each.  Returns: a thread to be started.
    """
    wanted = [agent for agent in _list_agents() if agent.contract.queue in queues]
    if not wanted:
        return None
    catalogue.hold_back(agent.contract.name for agent in wanted)
    return threading.Thread(target=_build_all, args=(wanted, then), name="agents-building", daemon=True)


def find_build_faults() -> dict[str, str]:
    """Return why agents of models can't be built here, by name."""
    told = {agent.contract.name: _find_fault(agent) for agent in _list_agents()}
    return {name: fault for name, fault in told.items() if fault is not None}


def _build_all(agents: Sequence[RegisteredAgent], then: Callable[[], None]) -> None:
    for agent in agents:
        name, fault = agent.contract.name, _find_fault(agent)
        if fault is None:
            log.info("agent_built", agent=name)
        else:
            log.warning(
                "agent_not_built",
                agent=name,
                error=fault,
                next="its attempts fail with the same words; `manage.py check_models --build` looks again",
            )
        catalogue.offer(name)
        then()


def _list_agents() -> list[RegisteredAgent]:
    found = map(catalogue.find, (contract.name for contract in catalogue.contracts()))
    return [agent for agent in found if agent is not None and agent.contract.kind is AgentKind.MODEL]


def _find_fault(agent: RegisteredAgent) -> str | None:
    try:
        builds.find(agent)
    except Exception as error:  # noqa: BLE001 - whatever a function of users raises
        return describe_error(error)
    return None
