"""The table of agents of one process: written by `registry`, read by `invoke` and `selectors`.

Readers take no lock: every change swaps in a new table, so worker threads see the old one or the new one,
never half of each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from agents.domain.contract import AgentContract
from agents.domain.task import JSON, Task
from agents.errors import DuplicateAgent

# A `def` returns its answer, an `async def` a coroutine of it; the runtime tells them by what comes back.
AgentFunction = Callable[[Task], Any]


class SchemaCheck(Protocol):
    """A schema, compiled once."""

    @property
    def json_schema(self) -> Mapping[str, Any]:
        """The schema as JSON Schema, for people and other programs."""

    def find_fault(self, value: JSON, source: object, /) -> tuple[str, str] | None:
        """Return the JSON pointer and reason of the first fault.

        Args:
            value: the JSON value.
            source: the object it was made from, such as a model's instance; else the value itself.
        """


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """What only a model-backed agent declares.

    Attributes: prompt: writes what the model is told of a task; None: the usual text.
        confidence: the field of its output that says how sure it is, if one does.
        context_tokens: a longer conversation is sent to its model with its middle in short; None: whole.
    """

    prompt: Callable[[Task], str] | None = None
    confidence: str | None = None
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class RegisteredAgent:
    """A contract with what carries it out.

    Attributes:
        contract: what the agent declared.
        function: the function as its author wrote it; a model-backed agent's builds the agent.
        place: file and line, so that a name claimed twice can be found.
        input_check: what the task's input must meet, if declared.
        output_check: what the output must meet, if declared.  state_check: likewise, of an actor's state.
        model: of a model-backed agent.
    """

    contract: AgentContract
    function: AgentFunction
    place: str
    input_check: SchemaCheck | None = None
    output_check: SchemaCheck | None = None
    state_check: SchemaCheck | None = None
    model: ModelDetails | None = None


class Catalogue:
    """Agents by name, with overlays that replace some of them for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._declared: dict[str, RegisteredAgent] = {}
        self._overlays: list[Mapping[str, RegisteredAgent]] = []
        self._agents: Mapping[str, RegisteredAgent] = {}
        self._answers: frozenset[str] = frozenset()
        self._held_back: frozenset[str] = frozenset()

    def add(self, agent: RegisteredAgent) -> None:
        """Add an agent; the same function again (a reloaded module) replaces itself.

        Raises:
            DuplicateAgent: another function has this name; nothing changed.
        """
        name = agent.contract.name
        with self._lock:
            known = self._declared.get(name)
            if known is not None and (known.contract.defined_in, known.place) != (
                agent.contract.defined_in,
                agent.place,
            ):
                raise DuplicateAgent(
                    f"agent {name} is declared twice: {known.contract.defined_in} ({known.place}) and "
                    f"{agent.contract.defined_in} ({agent.place}); rename one of them"
                )
            self._declared[name] = agent
            self._rebuild()

    def find(self, name: str) -> RegisteredAgent | None:
        """Return the agent that answers to this name now; `name@2` only if that is its version."""
        plain, pin, version = name.partition("@")
        agent = self._agents.get(plain)
        if agent is None or not pin or version == str(agent.contract.version):
            return agent
        return None

    def names(self) -> frozenset[str]:
        """Return every name that is answered to now."""
        return frozenset(self._agents)

    def answers(self) -> frozenset[str]:
        """Return every text by which a step can name an agent that answers now: names, and names with versions.

        Not those that are held back.
        """
        return self._answers

    def hold_back(self, names: Iterable[str]) -> None:
        """Offer these agents to no step until they are ready."""
        with self._lock:
            self._held_back |= set(names)
            self._rebuild()

    def offer(self, name: str) -> None:
        """Offer an agent that was held back."""
        with self._lock:
            self._held_back -= {name}
            self._rebuild()

    def contracts(self) -> list[AgentContract]:
        """Return every contract, by name."""
        agents = self._agents
        return [agents[name].contract for name in sorted(agents)]

    @contextmanager
    def overlay(self, agents: Mapping[str, RegisteredAgent]) -> Iterator[None]:
        """Let these agents answer instead, in every thread, until the block ends; the latest overlay wins."""
        layer = dict(
            agents
        )  # of this block alone, which takes away exactly this one, in whatever order blocks end
        with self._lock:
            self._overlays.append(layer)
            self._rebuild()
        try:
            yield
        finally:
            with self._lock:
                self._overlays = [other for other in self._overlays if other is not layer]
                self._rebuild()

    def _rebuild(self) -> None:
        merged = dict(self._declared)
        for overlay in self._overlays:
            merged.update(overlay)
        self._agents = merged
        offered = {name: agent for name, agent in merged.items() if name not in self._held_back}
        self._answers = frozenset(offered) | {
            f"{name}@{agent.contract.version}" for name, agent in offered.items()
        }


catalogue: Final = Catalogue()
