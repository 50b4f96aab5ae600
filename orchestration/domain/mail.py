"""What messages to actors can be, and how far one may lead. Pure. Read next: `orchestration/actors/`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

MOST_HOPS: Final = 100
"""Turns between a message and somebody outside: beyond, agents write to each other without end."""
MOST_RULES: Final = 200
"""Of one topic: each message of it is held against all of them. Members, who get all of it, are without limit."""


GIVEN: Final = "key:"
"""Before the key of a message that whoever sends it gave: agents' messages have keys of another form."""


class DeliveryState(StrEnum):
    """What becomes of a message in a mailbox: it waits, a turn has it, that turn succeeded, or nobody will read it."""

    QUEUED = "queued"
    TAKEN = "taken"
    DONE = "done"
    DEAD = "dead"


class Life(StrEnum):
    """How an actor does: nothing to do, in a turn, in one that waits or is held for people, or taking no messages."""

    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"
    HELD = "held"
    STOPPED = "stopped"


class OnStuck(StrEnum):
    """What a mailbox does while a turn waits for a person: wait with it, or let that turn be and go on."""

    WAIT = "wait"
    PARK = "park"


@dataclass(frozen=True, slots=True)
class Sender:
    """By whose hand a step sends.

    Attributes: address: of the actor whose turn it works for, else `workflow:<name>`.  actor_id: None: it is no turn's.
        hops: of what it sends.  chain: addresses that wait for this turn, its own among them.
        requested_by: id of the account at the beginning.  is_mute: a fork of a turn sends nothing.
    """

    project_id: int
    address: str
    actor_id: int | None
    hops: int
    chain: tuple[str, ...]
    requested_by: int | None
    is_mute: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that was begun. `available`: steps to be dispatched after the commit."""

    run_id: UUID
    number: int
    available: tuple[int, ...]
