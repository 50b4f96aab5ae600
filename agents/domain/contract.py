"""What an agent declares about itself: the contract that the engine, the console and other apps read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from agents.errors import AgentRefused

MAX_NAME_LENGTH: Final = 100
MAX_TIMEOUT_SECONDS: Final = 30 * 24 * 3600
# A step for this agent is always a ticket; no function may take its place.
RESERVED_NAMES: Final = frozenset({"human"})
MAX_POOL_NAME_LENGTH: Final = 100
MAX_SLOTS: Final = 100_000
MOST_MAIL: Final = 200
"""Messages that one turn of an actor may get."""
# How many slots of each pool are taken together, by the pool's name.
PoolNeeds: TypeAlias = Mapping[str, int]
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_POOL_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*")


class Queue(StrEnum):
    """Where an agent's steps run: in shared threads, or one per process with limits."""

    STEPS = "steps"
    ISOLATED = "isolated"


class AgentKind(StrEnum):
    """What carries an agent out: a Python function, or a model that a function's agent asks."""

    PYTHON = "python"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class AgentContract:
    """One agent's declaration, checked.

    Attributes:
        name: dotted lower-case identifiers, such as `crm.history`.
        version: raised by the author when the agent's behaviour changes.
        queue: the Celery queue its steps are routed to.
        timeout_seconds: the default deadline of one attempt; None leaves it to the step or the engine.
        input_schema: JSON Schema of the task's input, if declared.
        output_schema: JSON Schema of the output, if declared.
        effects: what it does to the outside world, in words for a reviewer.
        reversible: whether those effects can be taken back.
        pools: the slots that each of its steps holds while it runs, by pool.
        description: first line of the function's docstring.
        module: dotted path of the module that defines it.
        function: qualified name of the function in that module.
        kind: what carries it out.
        mailbox: it is the behaviour of actors of its name, of whose messages one turn gets so many at most.
    """

    name: str
    version: int = 1
    queue: Queue = Queue.STEPS
    timeout_seconds: float | None = None
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    effects: tuple[str, ...] = ()
    reversible: bool = True
    pools: PoolNeeds = field(default_factory=dict)
    description: str = ""
    module: str = ""
    function: str = ""
    kind: AgentKind = AgentKind.PYTHON
    mailbox: int | None = None

    @property
    def defined_in(self) -> str:
        """Dotted path of the function."""
        return f"{self.module}.{self.function}"


def check_name(name: object) -> str:
    """Return an agent's name, or refuse it with what to write instead."""
    if not isinstance(name, str):
        raise AgentRefused(f'name: {name!r:.80} is not a string; write @agent("area.what_it_does")')
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise AgentRefused(
            f"name: {name!r:.120} must be dotted lower-case identifiers, at most {MAX_NAME_LENGTH} letters, "
            'such as "crm.history"'
        )
    if name in RESERVED_NAMES:
        raise AgentRefused(
            f"name: {name!r} is reserved for work that always goes to a person; choose another"
        )
    return name


def strip_pin(agent: str) -> str:
    """Return an agent's name without the version that a step may pin it to, as in `crm.history@2`."""
    return agent.partition("@")[0]


def check_timeout(name: str, value: object) -> float | None:
    """Return a deadline in seconds, None when none is declared."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_TIMEOUT_SECONDS:
        raise AgentRefused(
            f"agent {name}: timeout_seconds is {value!r:.80}; "
            f"give a number above 0 and at most {MAX_TIMEOUT_SECONDS}, or leave it out"
        )
    return float(value)


def check_queue(name: str, value: object) -> Queue:
    """Return the queue, or name those there are."""
    try:
        return Queue(str(value))
    except ValueError:
        known = " or ".join(f'"{queue}"' for queue in Queue)
        raise AgentRefused(f"agent {name}: queue is {value!r:.80}; choose {known}") from None


def check_version(name: str, value: object) -> int:
    """Return the version, a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
        raise AgentRefused(f"agent {name}: version is {value!r:.80}; give a whole number from 1")
    return value


def check_mailbox(name: str, value: object) -> int | None:
    """Return how many messages a turn gets at most, None for an agent that is no actor's."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_MAIL:
        raise AgentRefused(
            f"agent {name}: mailbox is {value!r:.80}; give a whole number from 1 to {MOST_MAIL}: so many messages a "
            "turn gets at most"
        )
    return value


def check_effects(name: str, value: object) -> tuple[str, ...]:
    """Return the effects as a tuple of sentences."""
    # A plain string is iterable too, and would become a list of letters.
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise AgentRefused(
            f'agent {name}: effects is {value!r:.80}; give a list of texts, such as ["sends e-mail"]'
        )
    effects = tuple(value)
    if not all(isinstance(effect, str) and effect.strip() for effect in effects):
        raise AgentRefused(
            f"agent {name}: effects holds something that is not a text; say each effect in words"
        )
    return effects


def check_reversible(name: str, value: object) -> bool:
    """Return whether the effects can be taken back."""
    if not isinstance(value, bool):
        raise AgentRefused(f"agent {name}: reversible is {value!r:.80}; give True or False")
    return value


def check_pools(name: str, value: object) -> PoolNeeds:
    """Return the slots to take by pool, none when none are declared."""
    if not isinstance(value, Mapping):
        raise AgentRefused(f'agent {name}: pools is {value!r:.80}; give slots by pool, such as {{"gpu": 1}}')
    for pool, amount in value.items():
        check_pool_name(f"agent {name}: pools", pool)
        if isinstance(amount, bool) or not isinstance(amount, int) or not 1 <= amount <= MAX_SLOTS:
            raise AgentRefused(
                f"agent {name}: pools[{pool!r}] is {amount!r:.80}; give a whole number of slots from 1"
            )
    # In name order, in which pools are locked everywhere.
    return dict(sorted(value.items()))


def check_pool_name(where: str, value: object) -> str:
    """Return a pool's name, or refuse it with what to write instead."""
    if not isinstance(value, str) or len(value) > MAX_POOL_NAME_LENGTH or not _POOL_NAME.fullmatch(value):
        raise AgentRefused(
            f"{where}: the name {value!r:.120} must be lower-case letters, digits, '-', '_' and '.', at most "
            f'{MAX_POOL_NAME_LENGTH}, such as "gpu"'
        )
    return value
