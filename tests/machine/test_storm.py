"""What the machine does, done by several threads at once: when the storm is over, the runs are whole and end."""

import os
import random
import threading
import traceback
from collections.abc import Callable

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from escalation.errors import EscalationError
from orchestration import StepSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.errors import OrchestrationError, ResolutionRefused, StepNotHeld
from tests.machine.bodies import Act
from tests.machine.shapes import acts, families
from tests.machine.world import RESOLUTIONS, VERBS, World

_THREADS = 4
_THINGS = 25
Family = tuple[tuple[StepSpec, ...], ...]


class _Sailor:
    """One thread: it does random things to the runs that all share."""

    def __init__(self, world: World, chance: random.Random, known: list[Act]) -> None:
        self.world, self.chance, self.known = world, chance, known

    def sail(self) -> None:
        things: list[Callable[[], None]] = [self.perform] * 10 + [
            self.order,
            self.resolve,
            self.sweep,
            self.sweep,
        ]
        for _ in range(_THINGS):
            self.chance.choice(things)()

    def perform(self) -> None:
        self.world.perform_any(self.chance.randrange(50), self.chance.choice(self.known))

    def order(self) -> None:
        run = self.world.choose_run(self.chance.randrange(50))
        try:
            with mute_dispatch():
                getattr(runs, self.chance.choice(VERBS))(run.pk)
        except OrchestrationError:
            return

    def resolve(self) -> None:
        try:
            self.world.resolve(self.chance.randrange(50), ResolutionKind(self.chance.choice(RESOLUTIONS)))
        except (EscalationError, ResolutionRefused, StepNotHeld):
            return

    def sweep(self) -> None:
        self.world.sweep(self.chance.randrange(50))


def _on_threads(work: list[Callable[[], None]]) -> list[BaseException]:
    errors: list[BaseException] = []

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a thread waits for ever"
    return errors


_MORE = int(os.environ.get("STORM_EXAMPLES", "0"))


# Hypothesis sets the limit for each example, in the process whose habits the engine puts back after an agent.
@pytest.mark.filterwarnings("ignore:The recursion limit will not be reset")
@settings(
    max_examples=_MORE or 5,
    derandomize=not _MORE,
    phases=(Phase.generate,),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    family=families(),
    items=st.integers(0, 5),
    known=st.lists(acts(), min_size=4, max_size=12),
    seed=st.integers(0, 2**32),
)
def test_a_storm_leaves_every_run_whole(family: Family, items: int, known: list[Act], seed: int) -> None:
    world = World()
    world.start(family, items)
    crew = [_Sailor(World(roots=world.roots), random.Random(seed + n), known) for n in range(_THREADS)]
    errors = _on_threads([one.sail for one in crew])
    assert not errors, _tell(errors, world)
    world.check()
    world.finish()


def _tell(errors: list[BaseException], world: World) -> str:
    text = ["".join(traceback.format_exception(error)) for error in errors]
    return "\n".join([*text, world.describe()])
