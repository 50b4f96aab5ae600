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
from agents.domain.classification import describe_error, name_class
from agents.domain.contract import AgentKind
from agents.domain.invocation import Result, Task
from agents.domain.offers import NOT_YET, Build, BuildFault, describe_fault
from agents.errors import AgentRefused

_PERFORMING: Final = "agents.runtimes.model.performing"
FIRST_PAUSE_SECONDS: Final = 30.0
LONGEST_PAUSE_SECONDS: Final = 600.0
log = structlog.get_logger(__name__)


class Builds:
    """The agents that were built in this process, and why others could not be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._built: dict[int, tuple[object, Any]] = {}
        self._ended: dict[str, Build] = {}
        self._changes = 0

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

    def try_to_build(self, agent: RegisteredAgent) -> BuildFault | None:
        """Build an agent; return why it can't be built."""
        name = agent.contract.name
        try:
            end = Build(built=self.find(agent).shown)
        except Exception as error:  # noqa: BLE001 - whatever a function of users raises
            end = Build(fault=describe_fault(name_class(type(error)), describe_error(error)))
        if self._ended.get(name) != end:
            self._ended = self._ended | {name: end}
            self._changes += 1
        return end.fault

    def find_build(self, name: str) -> Build:
        """Return how the building of an agent ended, if it has."""
        return self._ended.get(name, NOT_YET)

    def count_changes(self) -> int:
        """Return a number that is another one after each building that ended otherwise than the one before."""
        return self._changes

    def forget_lock(self) -> None:
        """Take a lock of its own in a forked child: the parent's may be held by a thread that is not there."""
        self._lock = threading.Lock()


builds: Final = Builds()
os.register_at_fork(after_in_child=builds.forget_lock)


def perform(agent: RegisteredAgent, built: Any, task: Task) -> Coroutine[Any, Any, Result]:
    """Let an agent answer a task."""
    performing: Coroutine[Any, Any, Result] = import_string(f"{_PERFORMING}.perform")(agent, built, task)
    return performing


def plan_builds(
    queues: Collection[str], then: Callable[[], None], pause: Callable[[float], bool] | None = None
) -> threading.Thread | None:
    """Hold back the agents of models whose steps come by these queues; return what builds them, None: there are none.

    Until each is built this process does not offer it: its steps wait, and hold nothing, while others are performed.
    One that can't be built is tried again and again, ever more seldom, and not offered meanwhile: another worker may
    have it, and a step that waits for it says why.

    Args: then: called after each try that changed something.  pause: waits so many seconds; True: no more tries.
    Returns: a thread to be started.
    """
    wanted = [agent for agent in _list_agents() if agent.contract.queue in queues]
    if not wanted:
        return None
    catalogue.hold_back(agent.contract.name for agent in wanted)
    wait = pause or threading.Event().wait
    return threading.Thread(target=_build_all, args=(wanted, then, wait), name="agents-building", daemon=True)


def find_build_faults() -> dict[str, str]:
    """Return why agents of models can't be built here, by name."""
    told = {agent.contract.name: builds.try_to_build(agent) for agent in _list_agents()}
    return {name: _tell(name, fault) for name, fault in told.items() if fault is not None}


def _tell(name: str, fault: BuildFault) -> str:
    """Return a sentence that names the agent: a refusal of ours does so itself."""
    return fault.message if fault.error_class == name_class(AgentRefused) else f"agent {name}: {fault.words}"


def _build_all(
    agents: Sequence[RegisteredAgent], then: Callable[[], None], pause: Callable[[float], bool]
) -> None:
    seconds = FIRST_PAUSE_SECONDS
    while True:
        agents = [agent for agent in agents if not _build(agent, then)]
        if not agents:
            return
        if pause(seconds):
            return
        seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)


def _build(agent: RegisteredAgent, then: Callable[[], None]) -> bool:
    name, before = agent.contract.name, builds.find_build(agent.contract.name)
    fault = builds.try_to_build(agent)
    if fault is None:
        log.info("agent_built", agent=name)
        catalogue.offer(name)
    elif fault != before.fault:
        log.warning(
            "agent_not_built",
            agent=name,
            error=fault.words,
            next="its steps wait for a worker that has it; it is tried again, and `manage.py check_models --build` "
            "looks at once",
        )
    if builds.find_build(name) != before:
        then()
    return fault is None


def _list_agents() -> list[RegisteredAgent]:
    found = map(catalogue.find, (contract.name for contract in catalogue.contracts()))
    return [agent for agent in found if agent is not None and agent.contract.kind is AgentKind.MODEL]
