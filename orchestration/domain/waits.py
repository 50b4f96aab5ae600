"""What steps wait for, in two tables: who wakes a step, and in which words people read why it waits.

`WAITS`: the step is available, and nobody is to ring for it yet. `STAGES`: the step started something, gave its claim
back, and is `waiting`. Statements, pages and the API read these tables. The database has its own list of the words,
and tests hold that list, and the maintainer's sweeps, to the tables. Whatever else a step may wait for one day is a
line here. Read next: `orchestration/transitions/waiting.py`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orchestration.domain.states import Stage


class WaitsFor(StrEnum):
    """Why an available step is not rung for. Nothing: its message is on its way."""

    NOTHING = ""
    AGENT = "agent"
    POOL = "pool"
    SLOT = "slot"
    BREAKER = "breaker"
    DEADLINE = "deadline"
    RING = "ring"
    REVIEWERS = "reviewers"
    BUDGET = "budget"


class Waker(StrEnum):
    """Who wakes a step."""

    MAINTAINER = "the maintainer"
    HOLDER = "whoever gives slots back"
    WORKER = "a worker that takes its message"
    CHILDREN = "the last of the steps it grew"
    CHILD_RUN = "its child run"
    ANSWERER = "whoever answers what it waits for, or the maintainer when time is up"
    CALL = "a call that gives back what it had reserved"


class GoesOn(StrEnum):
    """What a step that had started something does in its next claim."""

    COLLECTS = "collects what they gave"
    WORKS = "does its own work again"


@dataclass(frozen=True, slots=True)
class Wait:
    """How an available step waits.

    Attributes:
        wakes: who may wake it.
        words: for a chip, or a place in the plan.  sentence: why, and what to do; {agent}, {queue} and {pools} are
            those of the step, {kept_away} is who is kept from work by a breaker.
        is_trouble: somebody may have to act, so that the run's page shows the step at its top.
    """

    wakes: tuple[Waker, ...]
    words: str
    sentence: str
    is_trouble: bool = True

    @property
    def needs_maintainer(self) -> bool:
        """Return whether the step may wait for ever while nobody maintains."""
        return Waker.MAINTAINER in self.wakes


@dataclass(frozen=True, slots=True)
class StageWait:
    """How a step waits for what it started. `wakes`: who makes it available.  `words`: for a place in the plan."""

    wakes: Waker
    goes_on: GoesOn
    words: str


WAITS: Final[dict[WaitsFor, Wait]] = {
    WaitsFor.AGENT: Wait(
        wakes=(Waker.MAINTAINER,),
        words="no worker has its agent",
        sentence="No worker that reads the queue “{queue}” has the agent “{agent}”. Start a worker that has it; "
        "one that was started offers an agent of models once it has built it.",
    ),
    WaitsFor.POOL: Wait(
        wakes=(Waker.HOLDER, Waker.MAINTAINER),
        words="waits for slots",
        sentence="All slots of {pools} are taken; it goes on when some are free.",
    ),
    # The step's turn has come and its message is under way; the step keeps its place in line until it is claimed.
    WaitsFor.SLOT: Wait(
        wakes=(Waker.WORKER, Waker.MAINTAINER),
        words="has its turn for slots",
        sentence="It has its turn for {pools} and goes on with the next free worker.",
    ),
    WaitsFor.BREAKER: Wait(
        wakes=(Waker.MAINTAINER,),
        words="its agent is kept from work",
        sentence="{kept_away} failed too often and is kept from work for a while; its breaker lets one try through "
        "now and then.",
    ),
    # A person decides the held step; the maintainer then finds the steps that waited for the answer.
    WaitsFor.DEADLINE: Wait(
        wakes=(Waker.MAINTAINER,),
        words="waits for an answer",
        sentence="The run is past its deadline; it goes on, or not, when the held step is decided.",
    ),
    # Very many became available at once: this one's first message is left to the next sweeps.
    WaitsFor.RING: Wait(
        wakes=(Waker.MAINTAINER,),
        words="about to be sent",
        sentence="Many steps became available at once; its message is sent with the maintainer's next sweeps.",
        is_trouble=False,
    ),
    # A queue of people is predicted to keep work longer than its target: what feeds it waits until it keeps up again.
    WaitsFor.REVIEWERS: Wait(
        wakes=(Waker.MAINTAINER,),
        words="waits for reviewers",
        sentence="A review queue that holds back the agent “{agent}” can't keep up with its tickets; the step goes on "
        "when it can. The board shows what waits there, the step's last decision says how long.",
    ),
    # Either calls under way will give back enough, or a person is asked whether the limit is raised.
    WaitsFor.BUDGET: Wait(
        wakes=(Waker.CALL, Waker.MAINTAINER),
        words="waits for its budget",
        sentence="Too little of a budget is left for its next call: it goes on when calls under way give back what "
        "they had reserved, or when somebody tops the budget up. The step's last decision says which.",
    ),
}
"""How an available step waits, by its word; `NOTHING` is no wait and has no line."""

STAGES: Final[dict[Stage, StageWait]] = {
    Stage.ITEMS: StageWait(Waker.CHILDREN, GoesOn.COLLECTS, "waiting for its items"),
    Stage.SPAWNED: StageWait(Waker.CHILDREN, GoesOn.COLLECTS, "waiting for the steps it asked for"),
    Stage.CHILD_RUN: StageWait(Waker.CHILD_RUN, GoesOn.COLLECTS, "waiting for its child run"),
    Stage.VERDICTS: StageWait(Waker.CHILDREN, GoesOn.COLLECTS, "waiting for its verifiers"),
    # Its stage is empty again in the statement that wakes it: hand-offs and slots are as at a first claim.
    Stage.CALLS: StageWait(Waker.ANSWERER, GoesOn.WORKS, "waiting for a time or a signal"),
    Stage.SUMMARIES: StageWait(
        Waker.CHILDREN, GoesOn.WORKS, "waiting for summaries of what it is handed"
    ),  # its stage is empty again likewise
}
"""How a `waiting` step waits, by its stage; `FRESH` has no line, since such a step started nothing."""

UNTROUBLED: Final = (WaitsFor.NOTHING, *(word for word, wait in WAITS.items() if not wait.is_trouble))
"""What an available step may wait for without anybody having to look at it."""


def collects(stage: Stage) -> bool:
    """Return whether the claim of a step in this stage only collects; any other claim does the step's own work."""
    return stage in STAGES and STAGES[stage].goes_on is GoesOn.COLLECTS


_OF_NEWER_RELEASE: Final = Wait(
    wakes=(Waker.MAINTAINER,),
    words="waits",
    sentence="A newer release let it wait for something that this process does not know: restart it with that release.",
)


def find_wait(word: str) -> Wait:
    """Return the wait of this word; during an upgrade the word may be one of a newer release."""
    return WAITS[WaitsFor(word)] if word in WAITS else _OF_NEWER_RELEASE


def find_stages(waker: Waker) -> tuple[Stage, ...]:
    """Return the stages whose steps this one wakes."""
    return tuple(stage for stage, wait in STAGES.items() if wait.wakes is waker)
