"""How the tickets of a review queue find the people who decide them. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Policy(StrEnum):
    """Who is offered a ticket first."""

    PULL = "pull"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"


POLICY_WORDS = {
    Policy.PULL: "Whoever takes the next one",
    Policy.ROUND_ROBIN: "In turn: whoever was given one longest ago",
    Policy.LEAST_LOADED: "Whoever has the fewest",
}


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody who may decide a queue's tickets, as things stand.

    Attributes: held: tickets that they hold or were assigned.  capacity: how many that may be; None: any number.
        last_turn_at: when it was their turn in this queue; None: never.
    """

    user_id: int
    held: int = 0
    capacity: int | None = None
    tags: frozenset[str] = frozenset()
    is_present: bool = True
    substitute_id: int | None = None
    last_turn_at: datetime | None = None

    @property
    def has_room(self) -> bool:
        """Tell whether they can take one more."""
        return self.capacity is None or self.held < self.capacity


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is assigned a ticket, and whose turn that was: while somebody is absent their substitute has it."""

    taker_id: int
    of_id: int


def choose_reviewer(
    people: Mapping[int, Reviewer], policy: Policy, tags: Collection[str], excluded: Collection[int]
) -> Turn | None:
    """Return who is to be assigned a ticket; None: nobody is there for it, so that whoever comes takes it.

    Args: people: who may decide in its queue, by id.  tags: that its reviewer must have, all of them.
        excluded: who asked for the work, and who has just given the ticket back.
    """
    if policy is Policy.PULL:
        return None
    turns = [
        Turn(taker, person.user_id)
        for person in people.values()
        if (taker := find_taker(people, person.user_id)) is not None
        and taker not in excluded
        and people[taker].has_room
        and people[taker].tags.issuperset(tags)
    ]
    if policy is Policy.LEAST_LOADED:
        return min(turns, key=lambda turn: (people[turn.taker_id].held, turn.taker_id), default=None)
    return min(turns, key=lambda turn: _since(people[turn.of_id]), default=None)


def list_takers(people: Mapping[int, Reviewer]) -> list[Reviewer]:
    """Return who could be assigned anything now: present, or standing in for somebody, and with room."""
    ids = {find_taker(people, user_id) for user_id in people}
    return [people[pk] for pk in sorted(pk for pk in ids if pk is not None) if people[pk].has_room]


def find_taker(people: Mapping[int, Reviewer], user_id: int) -> int | None:
    """Return who takes somebody's work: they themselves; while they are absent their substitute, if present.

    A substitute's own substitute is not asked: work would wander to people who know nothing of it.
    """
    person = people.get(user_id)
    if person is None or person.is_present:
        return None if person is None else user_id
    substitute = people.get(person.substitute_id) if person.substitute_id is not None else None
    return substitute.user_id if substitute is not None and substitute.is_present else None


def _since(person: Reviewer) -> tuple[bool, float, int]:
    """Return a key that puts whoever had no turn for longest first."""
    last = person.last_turn_at
    return last is not None, last.timestamp() if last else 0.0, person.user_id
