"""A step that ends its process each time is held for a person; its neighbours are not blamed."""

from orchestration import WorkflowSpec
from orchestration.models import Step
from tests.chaos.arena import Arena
from tests.chaos.specs import step

POISON = WorkflowSpec(name="poison", steps=(step("poison", agent="crash.exit"),))
HEALTHY = WorkflowSpec(name="healthy", steps=(step("work", seconds=0.3),))


def test_it_is_held_after_three_crashes_of_its_own_and_none_of_fifty_others_is(arena: Arena) -> None:
    arena.worker(concurrency=16)
    arena.isolated_worker()
    arena.maintainer()

    healthy = arena.start_many(HEALTHY, 25)
    poison = arena.start(POISON)
    healthy += [arena.start(HEALTHY, {"number": number}) for number in range(25, 50)]
    held = arena.wait_status(poison, "poison", "held")
    arena.wait_done(*healthy)

    # Once among others, which proves nothing, and three times alone.
    assert (held.crashes, held.attempt) == (3, 4)
    assert held.queue == "isolated"
    assert list(Step.objects.filter(status="held")) == [held]
    assert arena.find_faults(healthy, most_starts=2) == []
