"""How an agent stands among the workers: who performs it, who could not build it, who has another. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agents.domain.contract import strip_pin
from agents.domain.offers import AgentOffer, Approval, BuildFault, Offers, Readiness, ToolOffer

_MOST_NAMED: Final = 5
_APPROVALS: Final = {
    Approval.ALWAYS: "always",
    Approval.BY_ARGUMENTS: "by arguments",
    Approval.BY_ITSELF: "if it asks",
}
_SHOWN_DIGITS: Final = 12


class StandingState(StrEnum):
    """How an agent stands among the workers, in words."""

    READY = "ready"
    READY_ON_SOME = "ready, not on all"
    DIFFERS = "workers differ"
    BUILDING = "being built"
    NOT_BUILT = "not built"
    NOT_OFFERED = "not offered"


@dataclass(frozen=True, slots=True)
class Teller:
    """A present worker. Attributes: agents: by whose names it takes steps.  offers: what it tells of them."""

    worker_id: int
    name: str
    queues: frozenset[str]
    agents: frozenset[str]
    offers: Offers


@dataclass(frozen=True, slots=True)
class Told:
    """What one worker tells of an agent. `is_offered`: it takes steps of it."""

    worker_id: int
    worker: str
    offer: AgentOffer
    is_offered: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What workers tell otherwise. Attributes: what: in words.  sides: what is told, and by whom; most first."""

    what: str
    sides: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def words(self) -> str:
        """Return it as a sentence's part."""
        return f"{self.what}: " + "; ".join(f"{value} on {name_some(names)}" for value, names in self.sides)


@dataclass(frozen=True, slots=True)
class Standing:
    """An agent among the present workers. `silent`: workers that take its steps and tell nothing of it."""

    name: str
    told: tuple[Told, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def offered_by(self) -> tuple[str, ...]:
        """Return who takes its steps."""
        return tuple(sorted((*(each.worker for each in self.told if each.is_offered), *self.silent)))

    @property
    def building(self) -> tuple[str, ...]:
        """Return who is still building it."""
        return tuple(each.worker for each in self.told if each.offer.readiness is Readiness.BUILDING)

    @property
    def faults(self) -> tuple[tuple[str, BuildFault], ...]:
        """Return who could not build it, and why."""
        return tuple((each.worker, each.offer.fault) for each in self.told if each.offer.fault is not None)

    @property
    def best(self) -> AgentOffer | None:
        """Return what most of those tell that have it ready; else anybody's."""
        ready = [each.offer for each in self.told if each.offer.readiness is Readiness.READY]
        offers = ready or [each.offer for each in self.told]
        return max(offers, key=lambda offer: (not offer.is_brief, offers.count(offer)), default=None)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Return in what workers disagree about it."""
        found = (_compare(what, read, self.told) for what, read in _COMPARED.items())
        return tuple(difference for difference in found if difference is not None)

    @property
    def state(self) -> StandingState:
        """Return the worst that is to be said of it."""
        if self.differences:
            return StandingState.DIFFERS
        if self.offered_by:
            return StandingState.READY_ON_SOME if self.faults else StandingState.READY
        if self.faults:
            return StandingState.NOT_BUILT
        return StandingState.BUILDING if self.building else StandingState.NOT_OFFERED

    @property
    def trouble(self) -> str:
        """Return why nobody performs it, in a sentence; "" where somebody does, or nobody has failed."""
        if self.offered_by or not self.faults:
            return ""
        return describe_faults(self.name, self.faults)


def describe_faults(agent: str, faults: Iterable[tuple[str, BuildFault]]) -> str:
    """Return who could not build an agent and why, in a sentence; workers with the same fault together."""
    alike: dict[str, list[str]] = {}
    for worker, fault in faults:
        alike.setdefault(fault.words, []).append(worker)
    return " ".join(
        f"Worker {name_some(workers)} couldn't build the agent “{agent}”: {words.rstrip('.')}."
        for words, workers in list(alike.items())[:_MOST_NAMED]
    )


def describe_tool(tool: ToolOffer) -> tuple[str, str, str]:
    """Return a tool's name, what it does outside, and when a person is asked."""
    name = f"{tool.within}: {tool.name}" if tool.within else tool.name
    effects = "; ".join(tool.effects) or "-"
    return name, effects if tool.reversible else f"{effects} (irreversible)", _APPROVALS[tool.approval]


def name_some(names: Iterable[str]) -> str:
    """Return the first of some names, and how many more there are."""
    listed = sorted(names)
    more = len(listed) - _MOST_NAMED
    return ", ".join(listed[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def gather_standings(tellers: Iterable[Teller]) -> list[Standing]:
    """Return how each agent stands that a present worker has, by name."""
    told: dict[str, list[Told]] = {}
    silent: dict[str, list[str]] = {}
    for teller in tellers:
        known = {offer.name: offer for offer in teller.offers.agents}
        for name, offer in known.items():
            is_offered = name in teller.agents and offer.queue in teller.queues
            told.setdefault(name, []).append(Told(teller.worker_id, teller.name, offer, is_offered))
        if not known:
            for name in {strip_pin(agent) for agent in teller.agents} - {""}:
                silent.setdefault(name, []).append(teller.name)
    return [
        Standing(name, tuple(told.get(name, ())), tuple(silent.get(name, ())))
        for name in sorted({*told, *silent})
    ]


def _compare(what: str, read: Callable[[AgentOffer], object], told: Iterable[Told]) -> Difference | None:
    values: dict[object, list[Told]] = {}
    for each in told:
        value = read(each.offer)
        if value is not None:
            values.setdefault(value, []).append(each)
    if len(values) < 2:
        return None
    sides = sorted(values.items(), key=lambda side: (-len(side[1]), str(side[0])))
    if what == "tools":
        what = (
            f"tools ({', '.join(_name_other_tools([side[0].offer for _, side in sides])) or 'further ones'})"
        )
    return Difference(what, tuple((str(value), tuple(each.worker for each in side)) for value, side in sides))


def _name_other_tools(offers: Iterable[AgentOffer]) -> list[str]:
    kinds: dict[str, set[ToolOffer | None]] = {}
    listed = list(offers)
    for name in {tool.name for offer in listed for tool in offer.tools}:
        for offer in listed:
            kinds.setdefault(name, set()).add(next((t for t in offer.tools if t.name == name), None))
    return sorted(name for name, seen in kinds.items() if len(seen) > 1)[:_MOST_NAMED]


def _of_whole(read: Callable[[AgentOffer], object]) -> Callable[[AgentOffer], object]:
    """Return a reading of what a brief offer does not tell."""
    return lambda offer: None if offer.is_brief else read(offer)


def _of_built(read: Callable[[AgentOffer], object]) -> Callable[[AgentOffer], object]:
    """Return a reading of what is known only of an agent that was built."""
    return lambda offer: read(offer) if offer.tools_digest else None


_COMPARED: Final[Mapping[str, Callable[[AgentOffer], object]]] = {
    "version": lambda offer: offer.version,
    "kind": lambda offer: offer.kind,
    "queue": lambda offer: offer.queue,
    "effects": _of_whole(
        lambda offer: ("; ".join(offer.effects) or "none") + ("" if offer.reversible else " (irreversible)")
    ),
    "input schema": _of_whole(lambda offer: offer.input_digest[:_SHOWN_DIGITS] or "none"),
    "output schema": _of_whole(lambda offer: offer.output_digest[:_SHOWN_DIGITS] or "none"),
    "models": _of_built(lambda offer: ", ".join(offer.models) or "none"),
    "tools": _of_built(lambda offer: offer.tools_digest[:_SHOWN_DIGITS]),
}
