"""What the policy sees, and what it may decide."""

from dataclasses import dataclass

from agents.domain.calls import CallKind
from agents.domain.invocation import Outcome
from orchestration.domain.calls import OpenWait
from orchestration.domain.plan import AskPerson, ChildRun, Collected, Growth, Verdicts
from orchestration.domain.states import DecisionKind


@dataclass(frozen=True, slots=True)
class PassedOver:
    """The step was not tried: its condition is false, or what it needs was passed over."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutOfTime:
    """The step was not begun: its run is past its deadline. `is_asked`: a person is being asked already.

    `of_step`: not the run, but the time for all tries of the step is over.
    """

    is_asked: bool
    of_step: bool = False


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The step was not begun: the people whose queue its agent feeds can't keep up.

    Attributes: reason: which queue, and how far behind.  is_over: it has waited as long as it may.
        may_ask: no other step asks people about it.
    """

    reason: str
    is_over: bool
    may_ask: bool


@dataclass(frozen=True, slots=True)
class SummaryUnderWay:
    """The step was not begun: another one of its run makes the same summary. `key`: that one's."""

    key: str


@dataclass(frozen=True, slots=True)
class AwaitsCalls:
    """The agent waits for something that is not there yet, or its run is paused.

    Attributes: waits: what of it is open; none: it stopped at a pause.  known: paths of all calls whose answers the
        attempt could have had.  agent, agent_version: whose attempt it was.
    """

    waits: tuple[OpenWait, ...]
    known: tuple[str, ...]
    agent: str
    agent_version: int

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the paths of what is open."""
        return tuple(wait.path for wait in self.waits)

    @property
    def questions(self) -> tuple[OpenWait, ...]:
        """Return what is asked of people."""
        return tuple(wait for wait in self.waits if wait.kind is CallKind.ASK)

    @property
    def approval(self) -> OpenWait | None:
        """Return the calls that a person is to approve, all that are wanted at once."""
        return next((wait for wait in self.waits if wait.kind is CallKind.APPROVAL), None)


@dataclass(frozen=True, slots=True)
class OutOfBudget:
    """The step came to a call that does not fit into a budget; the call was not begun.

    Attributes: pot: by its id.  unit: what is short.  needed: by the call at most.  left: once all that is reserved was
        given back.  fits_later: that is enough.  reason: in words.
    """

    pot: int
    unit: str
    needed: int
    left: int
    fits_later: bool
    reason: str


Ending = (
    AwaitsCalls
    | OutOfBudget
    | Outcome
    | PassedOver
    | Growth
    | ChildRun
    | AskPerson
    | Collected
    | Verdicts
    | OutOfTime
    | HeldBack
    | SummaryUnderWay
)
"""All that an attempt can end with."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the policy looks at besides the outcome and the step's spec.

    Attributes:
        failures: counted tries before this one, since the last fresh start.
        crashes: crashes of the step's own, this one included.  crash_limit: at so many it is held.
        default_min_confidence: for agents that state a confidence when the step names no bound.
        jitter: uniform random number in 0..1.
        verdict_revisions: times its verifiers sent it back.
        rework_fault: why work can't go back to where the agent wants it; empty: it can.
        fallbacks: how far down its fallback agents the step is.
        waited_out: it has waited for its agent's breaker as long as it may.  may_ask: no other step asks about that.
        conflicts: so often it was done again because what it remembered had changed meanwhile.
        collects: its agent answered before; this attempt puts together what came of that.
        seconds_left: until the deadline of the run or the step, whichever is nearer; None: there is none.
        is_summary: the step makes a summary for another, which goes on without it.
    """

    failures: int
    crashes: int
    crash_limit: int
    default_min_confidence: float
    jitter: float
    verdict_revisions: int = 0
    rework_fault: str = ""
    fallbacks: int = 0
    waited_out: bool = False
    may_ask: bool = False
    conflicts: int = 0
    collects: bool = False
    seconds_left: float | None = None
    is_summary: bool = False

    def is_over(self, delay_seconds: float = 0.0) -> bool:
        """Return whether the deadline will have passed when a next try could begin."""
        return self.seconds_left is not None and delay_seconds >= self.seconds_left


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, by which rule, and why in words.

    Attributes: delay_seconds: of a retry.  agent: who does the step from now on, of a fallback.
    """

    kind: DecisionKind
    rule: str
    reason: str = ""
    delay_seconds: float = 0.0
    agent: str = ""
