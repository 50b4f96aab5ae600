"""Random plans, ends of agents, orders and deaths, on the real database: nothing is lost, nothing done twice.

CI takes the same few examples each time. For a longer search, with a seed that is told when something is found:
`MACHINE_EXAMPLES=500 pytest tests/machine/test_machine.py --hypothesis-seed=random`.
"""

import os
import sys
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestration import StepSpec
from orchestration.domain.states import ResolutionKind
from tests.machine.bodies import AGENTS, Act
from tests.machine.engine import POINTS
from tests.machine.shapes import acts, families
from tests.machine.world import RESOLUTIONS, VERBS, World

PICK = st.integers(0, 50)
LINK = st.integers(0, 9).map(lambda n: max(0, n - 5))
ITEMS = st.integers(0, 5)
Family = tuple[tuple[StepSpec, ...], ...]


class Machine(RuleBasedStateMachine):
    """Everything that can happen, in any order."""

    totals = {"examples": 0, "rules": 0, "bodies": 0}

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.is_whole = False
        self.bodies_before = len(AGENTS.log.starts)

    @initialize(family=families(), items=ITEMS)
    def begin_with(self, family: Family, items: int) -> None:
        self._do("start", family, items)

    @rule(family=families(), items=ITEMS)
    @precondition(lambda self: len(self.world.roots) < 2)
    def start(self, family: Family, items: int) -> None:
        self._do("start", family, items)

    @rule(pick=PICK, act=acts(), link=LINK)
    def perform(self, pick: int, act: Act, link: int) -> None:
        self._do("perform", pick, act, link)

    @rule(picks=st.lists(st.tuples(PICK, acts()), min_size=2, max_size=8))
    def perform_several(self, picks: list[tuple[int, Act]]) -> None:
        for pick, act in picks:
            self._do("perform", pick, act, 0)

    @rule(kinds=st.lists(st.sampled_from(RESOLUTIONS), min_size=1, max_size=4))
    def resolve_several(self, kinds: list[ResolutionKind]) -> None:
        for kind in kinds:
            self._do("resolve", 0, kind)

    @rule(pick=PICK, act=acts())
    def deliver(self, pick: int, act: Act) -> None:
        self._do("deliver", pick, act)

    @rule(pick=PICK, link=LINK)
    def begin(self, pick: int, link: int) -> None:
        self._do("begin", pick, link)

    @precondition(lambda self: self.world.busy)
    @rule(pick=PICK, act=acts())
    def end(self, pick: int, act: Act) -> None:
        self._do("end", pick, act)

    @rule(pick=PICK, act=acts(), point=st.sampled_from(POINTS[:-1]))
    def die(self, pick: int, act: Act, point: str) -> None:
        self._do("die", pick, act, point)

    @rule(pick=PICK)
    def kill(self, pick: int) -> None:
        self._do("kill", pick)

    @precondition(lambda self: self.world.busy)
    @rule(pick=PICK, act=acts())
    def overtake(self, pick: int, act: Act) -> None:
        self._do("overtake", pick, act)

    @rule(pick=PICK)
    def sweep(self, pick: int) -> None:
        self._do("sweep", pick)

    @rule(pick=PICK)
    def expire(self, pick: int) -> None:
        self._do("expire", pick)

    @rule(pick=PICK)
    def grow_late(self, pick: int) -> None:
        self._do("grow_late", pick)

    @rule()
    def settle(self) -> None:
        self._do("settle")

    @rule(pick=PICK, verb=st.sampled_from(VERBS))
    def control(self, pick: int, verb: str) -> None:
        self._do("control", pick, verb)

    @rule(pick=PICK, after=st.integers(0, 8))
    def cancel_and_die(self, pick: int, after: int) -> None:
        if after < 3:  # a tree that was cancelled has seen most of what it can
            self._do("cancel_and_die", pick, after)

    @rule(pick=PICK, items=st.none() | ITEMS)
    def fork(self, pick: int, items: int | None) -> None:
        self._do("fork", pick, items)

    @rule(pick=PICK, kind=st.sampled_from(RESOLUTIONS))
    def resolve(self, pick: int, kind: ResolutionKind) -> None:
        self._do("resolve", pick, kind)

    @rule(pick=PICK)
    def verify(self, pick: int) -> None:
        self._do("verify", pick)

    @invariant()
    def holds(self) -> None:
        self.world.check()
        self.is_whole = True

    def _do(self, name: str, *arguments: Any) -> None:
        self.is_whole = False
        self.totals["rules"] += 1
        self.world.story.append(f"{name}{arguments}")
        getattr(self.world, name)(*arguments)

    def teardown(self) -> None:
        try:
            if self.is_whole:
                self.world.finish()
        finally:
            self.world.leave()
            self.totals["examples"] += 1
            self.totals["bodies"] += len(AGENTS.log.starts) - self.bodies_before


def _choose_settings() -> settings:
    more = int(os.environ.get("MACHINE_EXAMPLES", "0"))
    return settings(
        max_examples=more or 16,
        stateful_step_count=45 if more else 30,
        derandomize=not more,
        # A failure's course stands in its message; to shrink it on the database would take longer than to read it.
        phases=(Phase.generate,),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def test_whatever_happens_every_invariant_holds_and_every_run_ends() -> None:
    run_state_machine_as_test(Machine, settings=_choose_settings())
    assert Machine.totals["bodies"] > 2 * Machine.totals["examples"]
    sys.stderr.write(f"{Machine.totals}\n")
